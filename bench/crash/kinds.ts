import type { Random } from '../random.ts'

/** When a process is killed: at a named point of children/crash-node.ts, or after a time. */
export type Kill =
  | { readonly point: string, readonly nth: number, readonly delayMs: number }
  | { readonly afterMs: number }

/** What is going on when a process is killed. */
export interface Kind {
  readonly name: string
  readonly story: 'pull' | 'start' | 'publish' | 'shared'
  readonly model: 'small' | 'files' | 'large'
  /** Of a hundred kills. */
  readonly share: number
  /** Records come so many times as often as they would. */
  readonly hurry?: number
  /** `usualMs`: how long a run takes that nobody kills. */
  kill: (random: Random, usualMs: number) => Kill
}

export const KINDS: readonly Kind[] = [
  { name: 'start', story: 'start', model: 'small', share: 8, kill: random => ({ afterMs: random.below(600) }) },
  { name: 'publish, any time', story: 'publish', model: 'files', share: 6, kill: anyTime },
  {
    name: 'publish, while it is recorded',
    story: 'publish',
    model: 'files',
    share: 8,
    kill: random => at(random, random.pick([['index', 6], ['indexed', 6], ['nodes', 1], ['model', 1]]))
  },
  { name: 'pull, first tree fetch', story: 'pull', model: 'small', share: 8, kill: random => at(random, ['nodes', 2]) },
  { name: 'pull, any time', story: 'pull', model: 'files', share: 16, kill: anyTime },
  { name: 'pull, in a write', story: 'pull', model: 'files', share: 6, kill: random => at(random, ['write', 90]) },
  { name: 'pull, in a record', story: 'pull', model: 'files', share: 10, hurry: 32, kill: random => at(random, ['record', 12]) },
  {
    name: 'pull, in a checkpoint',
    story: 'pull',
    model: 'files',
    share: 12,
    hurry: 32,
    kill: random => at(random, random.pick([['checkpoint', 3], ['checkpoint', 1], ['sync', 8]]))
  },
  {
    name: 'pull, finishing',
    story: 'pull',
    model: 'files',
    share: 14,
    kill: random => at(random, random.pick([
      ['sync', 6], ['rename', 6], ['renamed', 6], ['index', 6], ['indexed', 6], ['model', 1], ['checkpoint', 1], ['close', 1]
    ]))
  },
  { name: 'several in one state folder', story: 'shared', model: 'files', share: 10, kill: anyTime },
  { name: 'pull of a file over 1 GiB', story: 'pull', model: 'large', share: 2, kill: anyTime }
]

function anyTime (random: Random, usualMs: number): Kill {
  return { afterMs: random.below(Math.ceil(usualMs * 1.1)) }
}

/** Up to so many times on; a third of the kills come just before, the others into what was begun. */
function at (random: Random, [point, times]: readonly [string, number]): Kill {
  return { point, nth: random.between(1, times), delayMs: random.chance(1 / 3) ? 0 : random.between(1, 6) }
}
