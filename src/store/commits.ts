// What lmdb-js does when a commit fails, put right. It writes the failure to the console, and what waits for the flush
// of that transaction, `close` with it, waits for ever. It has no option or event for either: so the native call that
// reports how each transaction of this one environment went is wrapped.

/** What `startWriting` reports: 0 flushed, 1 visible, 2 our turn to write; anything else is the error's number. */
type Report = (status: number) => unknown

interface Environment {
  startWriting: (address: number, report: Report) => unknown
}

const STATES = new Set([0, 1, 2])

/** Has failed commits of an environment reported here, by LMDB's number of the error, and not on the console. */
export function onCommitFailed (root: object, onFailed: (status: number) => void): void {
  if (!hasEnvironment(root)) return
  const { env } = root
  const start = env.startWriting.bind(env)
  const wrapped: Environment['startWriting'] = (address, report) => start(address, status => {
    if (STATES.has(status)) return report(status)
    onFailed(status)
    quietly(() => report(status))
    // Rejects what has failed, as above, and lets go who waits for the flush: StateDatabase.flushed tells them.
    return report(0)
  })
  // The one it inherits cannot be assigned to.
  Object.defineProperty(env, 'startWriting', { value: wrapped })
}

function hasEnvironment (root: object): root is { env: Environment } {
  return 'env' in root && typeof root.env === 'object' && root.env !== null &&
    'startWriting' in root.env && typeof root.env.startWriting === 'function'
}

/**
 * Without the console while `act` runs, which must wait for nothing: only lmdb-js's own lines are lost, for nobody
 * else's code runs before the console is back.
 */
function quietly (act: () => void): void {
  /* eslint-disable no-console -- lmdb-js writes to it, and nothing but this keeps it from that */
  const { error } = console
  console.error = () => {}
  try {
    act()
  } finally {
    console.error = error
  }
  /* eslint-enable no-console */
}
