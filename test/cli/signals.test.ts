import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { OutputError } from '../../src/cli/failure-line.ts'
import { flushed, stopOnClosedPipe, stopOnSignals } from '../../src/cli/signals.ts'

class FakeProcess extends EventEmitter {
  codes: number[] = []
  exit (code: number): void { this.codes.push(code) }
}

describe('signals', () => {
  it('the first aborts, the second ends at once with 130, whichever they are', () => {
    const source = new FakeProcess()
    const controller = new AbortController()
    const written: unknown[] = []
    stopOnSignals(source, controller, { write: text => written.push(text) > 0 })
    source.emit('SIGTERM')
    expect(controller.signal.aborted).toBe(true)
    expect([source.codes, written]).toEqual([[], []])
    source.emit('SIGINT')
    expect([source.codes, written]).toEqual([[130], ['\n']])
  })

  it('waits until a slow reader has taken everything, and not for one that went away', async () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    stream.write(Buffer.alloc(100))
    stream.write(Buffer.alloc(100))
    let isFlushed = false
    const flushing = flushed(stream).then(() => { isFlushed = true })
    await new Promise(resolve => { setImmediate(resolve) })
    expect(isFlushed).toBe(false)
    stream.resume()
    await flushing
    const gone = new PassThrough()
    gone.on('error', () => {})
    gone.destroy()
    await flushed(gone)
  })

  it.each([['EPIPE', false], ['EIO', false], ['ENOSPC', true]])(
    'output that ends with %s aborts; with that as the reason: %s', (code, isReason) => {
      const stream = new PassThrough()
      const controller = new AbortController()
      stopOnClosedPipe(stream, controller)
      stream.emit('error', Object.assign(new Error(`write ${code}`), { code }))
      expect(controller.signal.aborted).toBe(true)
      expect(controller.signal.reason instanceof OutputError).toBe(isReason)
    })
})
