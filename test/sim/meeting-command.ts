import { parseArgs } from 'node:util'
import { meet } from './meeting.ts'
import { UsageError } from './usage-error.ts'

export const MEETING_USAGE = `meeting [N...]
  how long N peers that know only the publisher take to find each other (default: 8 16 50 200), in round trips since they
  were connected to the publisher; then one that comes later than the others
`

/** What a late peer comes after: nothing of the others' meeting is under way any more. */
const LATE_TRIPS = 100
/** Sessions are counted so long after all have met. */
const REST_TRIPS = 100

/** `meeting`: the median and the last peer of each swarm. @throws UsageError */
export async function runMeeting (args: readonly string[], write: (text: string) => void): Promise<void> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true })
  const sizes = (positionals.length > 0 ? positionals : ['8', '16', '50', '200']).map(text => {
    const peers = Number(text)
    if (Number.isSafeInteger(peers) && peers >= 2) return peers
    throw new UsageError(`meeting takes numbers of peers from 2 on, not '${text}'`)
  })
  write('| peers | knew the others | met them | neighbours | dialled at most | at once | a late one knew | met |\n')
  write('| --- | --- | --- | --- | --- | --- | --- | --- |\n')
  for (const peers of sizes) {
    const { learned, met, mostDials, mostAtOnce, neighbours } = await meet({ peers, restTrips: REST_TRIPS })
    const late = await meet({ peers, lateTrips: LATE_TRIPS })
    const ofLate = [fixed(late.learned.at(-1)), fixed(late.met.at(-1))]
    write(`| ${[peers, shown(learned), shown(met), spread(neighbours), mostDials, mostAtOnce, ...ofLate].join(' | ')} |\n`)
  }
}

/** Least, median and most. */
function spread (counts: readonly number[]): string {
  const sorted = [...counts].sort((a, b) => a - b)
  return [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].join(', ')
}

/** Median and last. */
function shown (trips: readonly number[]): string {
  const sorted = [...trips].sort((a, b) => a - b)
  return `${fixed(sorted[sorted.length >> 1])}, last ${fixed(sorted.at(-1))}`
}

function fixed (trips: number | undefined): string {
  return trips === undefined || Number.isNaN(trips) ? '–' : trips.toFixed(1)
}
