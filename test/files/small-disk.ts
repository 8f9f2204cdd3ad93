import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { tempFolder } from './temp-folder.ts'

/** A file system with this much room, or undefined where this process may not mount one. */
export async function smallDisk (mebibytes: number): Promise<string | undefined> {
  const dir = await tempFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', dir], { stdio: 'ignore' })
  } catch (err) {
    // No mount program, or no right to mount: the test is skipped with that reason.
    if (err instanceof Error) return undefined
    throw err
  }
  onTestFinished(() => { execFileSync('umount', [dir]) })
  return dir
}
