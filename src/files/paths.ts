import { basename, resolve } from 'node:path'

/** A path as the state folder records it: absolute, without trailing separators or `..`. */
export function absolutePath (path: string): string {
  return resolve(path)
}

/** The last segment of a path: what a model published from it is called. */
export function nameOf (path: string): string {
  return basename(resolve(path))
}
