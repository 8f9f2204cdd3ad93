import type { Collection, Link, Node, NodeOptions } from '../index.ts'

/** What the command line calls of the library; tests inject a fake. */
export interface Library {
  createNode: (options: NodeOptions) => Promise<Node>
  openCollection: (options: { dir: string, create?: boolean }) => Promise<Collection>
  parseLink: (text: string) => Link
  checkPublishable: (path: string, options: { signal: AbortSignal }) => Promise<void>
}

/** Where text goes: what a command needs of process.stdout and process.stderr. */
export interface Terminal {
  write: (text: string) => unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Everything a command is given; it touches nothing of `process` itself. */
export interface CliParts extends Library {
  stdout: Terminal
  stderr: Terminal
  /** The stream under `stdout` when it is a terminal that can be redrawn. */
  screen?: NodeJS.WritableStream
  env: Readonly<Record<string, string | undefined>>
  /** Aborted by the first SIGINT or SIGTERM, or when nobody reads standard output any more. */
  signal: AbortSignal
  version: string
}
