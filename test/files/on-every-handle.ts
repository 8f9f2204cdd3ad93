// Stands between node:fs and the files this process has open: a disk that fails, or waits, when a test says so.
import { readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { onTestFinished } from 'vitest'
import type { FileHandle } from 'node:fs/promises'

/**
 * Before every such call on an open file whose path `isIt` takes, `act` runs with the number of calls before: it may
 * wait, and what it throws is what the call throws. Undone when the test is over, or by the function returned.
 */
export async function onEveryHandle (
  call: 'read' | 'write' | 'datasync' | 'stat', isIt: (path: string) => boolean, act: (before: number) => void | Promise<void>
): Promise<() => void> {
  const some = await open(process.execPath, 'r')
  const prototype: object = Object.getPrototypeOf(some)
  await some.close()
  const original: unknown = Reflect.get(prototype, call)
  if (typeof original !== 'function') throw new Error(`Open files have no ${call}`)
  let before = 0
  const wrapped = async function (this: FileHandle, ...args: unknown[]): Promise<unknown> {
    // /proc says "(deleted)" behind the name of a file that is gone
    if (isIt(readlinkSync(`/proc/self/fd/${this.fd}`).replace(/ \(deleted\)$/, ''))) await act(before++)
    return await Reflect.apply(original, this, args)
  }
  Reflect.set(prototype, call, wrapped)
  const undo = (): void => { Reflect.set(prototype, call, original) }
  onTestFinished(undo)
  return undo
}

/** What the system says when a disk fails. */
export function ioError (): Error {
  return Object.assign(new Error('EIO: i/o error'), { code: 'EIO', errno: -5 })
}

/** A gate that calls wait at, until it is opened. */
export function gate (): { wait: () => Promise<void>, open: () => void, isWaitedAt: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let isWaitedAt = false
  return {
    wait: async () => {
      isWaitedAt = true
      await promise
    },
    open: resolve,
    isWaitedAt: () => isWaitedAt
  }
}
