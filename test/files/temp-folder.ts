import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A fresh folder that is gone when the test is over. */
export async function tempFolder (): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'modelswarm-test-')))
  onTestFinished(async () => { await rm(dir, { recursive: true, force: true }) })
  return dir
}

/** Everything an async iterable gives. */
export async function all<T> (items: AsyncIterable<T>): Promise<T[]> {
  const list = []
  for await (const item of items) list.push(item)
  return list
}
