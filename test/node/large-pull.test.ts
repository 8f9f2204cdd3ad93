import { createCipheriv } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WRITE_WORKER_FROM_BYTES } from '../../src/machine-defaults.ts'
import { printsOf, startNode, target, writeFiles } from './nodes.ts'
import type { Worker } from 'node:worker_threads'

/** As fast as they can be made: a cipher's key stream. */
function manyBytes (count: number): Uint8Array {
  return createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16)).update(new Uint8Array(count))
}

/** Calls back with every thread that is started. */
function watchThreads (onThread: (worker: Worker) => void): void {
  process.on('worker', onThread)
  onTestFinished(() => { process.off('worker', onThread) })
}

describe('a large pull', () => {
  it('has a thread that verifies and writes, which ends with it: broken off, and taken up again', async () => {
    const bytes = manyBytes(WRITE_WORKER_FROM_BYTES)
    const dir = await writeFiles({ 'w.bin': bytes, 'zeros.bin': new Uint8Array(2_000_000) })
    const publisher = await startNode()
    const { link } = await publisher.publish(dir)
    const ends: Array<Promise<unknown>> = []
    const stop = new AbortController()
    watchThreads(thread => {
      ends.push(new Promise(resolve => { thread.once('exit', resolve) }))
      // Once it has been given a block.
      const post = thread.postMessage.bind(thread)
      thread.postMessage = (...message: Parameters<Worker['postMessage']>) => {
        post(...message)
        stop.abort(new Error('enough'))
      }
    })
    const puller = await startNode()
    const out = await target()
    await expect(puller.pull(link, out, { signal: stop.signal })).rejects.toThrow('enough')
    expect(ends).toHaveLength(1)
    await Promise.all(ends)
    await puller.pull(link, out)
    await Promise.all(ends)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })
})
