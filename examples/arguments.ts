// What the examples share and a reader need not copy: a temporary folder, a model to play with, an end in one line.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeModel } from './make-model.ts'

/** Examples stay on this machine. */
export const LOOPBACK = ['/ip4/127.0.0.1/tcp/0']

/** Runs with a temporary folder that is gone afterwards, whatever happened. */
export async function withTempFolder<T> (use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'modelswarm-example-'))
  try {
    return await use(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The path given, or a model of 8 MiB made for the occasion. */
export async function modelPath (given: string | undefined, tempDir: string): Promise<string> {
  if (given !== undefined) return given
  const dir = join(tempDir, 'toy-llama')
  await makeModel(dir, { sizeBytes: 8 * 1024 * 1024 })
  return dir
}

/** Runs an example; a failure is one line and exit code 1. */
export async function runExample (main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (err) {
    console.error(err instanceof Error ? err.message : 'The example failed')
    process.exitCode = 1
  }
}
