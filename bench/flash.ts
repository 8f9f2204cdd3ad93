import { judge, median, MIB } from './bench.ts'
import { centralHttp, oneStream } from './network/central.ts'
import { bytesPerSec } from './network/star.ts'
import { phasesOf } from './network/phases.ts'
import { coresBusy, runSwarm } from './network/swarm-run.ts'
import type { BenchOptions, BenchResult, Column, NetworkOptions, Values } from './bench.ts'
import type { SwarmRun } from './network/swarm-run.ts'

const COLUMNS: Column[] = [
  { key: 'name', title: 'what' },
  { key: 'lastSec', title: 'last peer s', digits: 1 },
  { key: 'lastRatio', title: '÷ bound', digits: 3 },
  { key: 'medianSec', title: 'median peer s', digits: 1 },
  { key: 'medianRatio', title: '÷ bound', digits: 3 },
  { key: 'copies', title: 'copies' },
  { key: 'received', title: 'received ÷ needed', digits: 3 }
]

const COST_COLUMNS: Column[] = [
  { key: 'name', title: 'run', digits: 0 },
  { key: 'lastRatio', title: 'last ÷ bound', digits: 3 },
  { key: 'copies', title: 'copies' },
  { key: 'publisherCpu', title: 'publisher CPU s' },
  { key: 'peerCpu', title: 'CPU s a peer' },
  { key: 'networkCpu', title: 'network CPU s' },
  { key: 'busyShare', title: 'cores busy' }
]

const PHASE_COLUMNS: Column[] = [
  { key: 'name', title: 'the last peer of the median run' },
  { key: 'seconds', title: 's' },
  { key: 'lost', title: 'of them more than the link needs' },
  { key: 'ofBound', title: 'lost ÷ bound', digits: 3 },
  { key: 'busyShare', title: 'cores busy' }
]

/** How near the last peer is to come, and how often the publisher may send the model. */
const MOST_OF_BOUND = 1.15
const MOST_COPIES = 1.1
/** The central server is left out when it would take longer: everybody knows what it does. */
const MOST_CENTRAL_SEC = 300

/**
 * A publisher and many peers that all ask at once, each behind a link of its own, beside the least time possible, one
 * TCP stream over the same links, and a central HTTP server.
 */
export async function flash (options: BenchOptions, network: NetworkOptions): Promise<BenchResult> {
  const { workspace, note, runs, sizeBytes } = options
  const { peers, mbitPerSec, rttMs } = network
  const model = await workspace.model(sizeBytes)
  note('one TCP stream')
  const stream = await oneStream(options, network, model.bytes)
  const swarms: SwarmRun[] = []
  for (let run = 1; run <= runs; run++) {
    note(`a publisher and ${peers} peers, run ${run} of ${runs}`)
    swarms.push(await runSwarm(options, network, model))
  }
  const centralLeastSec = peers * model.bytes / bytesPerSec(mbitPerSec)
  const isShort = centralLeastSec <= MOST_CENTRAL_SEC
  note(`${isShort ? '' : 'left out: '}${peers} downloads from one HTTP server, ${Math.round(centralLeastSec)} s`)
  const central = isShort ? await centralHttp(options, network, model) : []

  const bound = boundSec(model.bytes, network)
  const row = (name: string, lastSec: number, medianSec: number): Values =>
    ({ name, lastSec, lastRatio: lastSec / bound, medianSec, medianRatio: medianSec / bound })
  const last = (swarm: SwarmRun): number => Math.max(...swarm.seconds)
  const lastSec = median(swarms.map(last))
  const copies = median(swarms.map(one => one.copies))
  const centralSec = central.map(({ seconds }) => seconds)
  const centralCopies = central.reduce((sum, { bytes }) => sum + bytes, 0) / model.bytes
  const rows: Values[] = [
    {
      ...row('modelswarm', lastSec, median(swarms.map(one => median(one.seconds)))),
      copies,
      received: median(swarms.map(one => one.received))
    },
    row('one TCP stream to one peer', stream.seconds, stream.seconds)
  ]
  if (isShort) {
    rows.push({ ...row('HTTP from one server', Math.max(...centralSec), median(centralSec)), copies: centralCopies })
  }
  const where = `${peers} peer${peers === 1 ? '' : 's'}, ${(model.bytes / MIB).toFixed(0)} MiB, ${mbitPerSec} Mbit/s up and down, ${rttMs} ms round trip`
  return {
    headline: `${where}: the last peer ends after ${lastSec.toFixed(1)} s, ${(lastSec / bound).toFixed(2)} of the least time ` +
      `possible, and the publisher sends ${copies.toFixed(2)} copies` +
      (isShort ? `; a central server takes ${Math.max(...centralSec).toFixed(0)} s and sends ${centralCopies.toFixed(2)}` : ''),
    tables: [
      { title: `${where}; bound ${bound.toFixed(2)} s; packet headers are not modelled`, columns: COLUMNS, rows },
      {
        title: 'what it cost; with the cores near 1.00 busy they set the pace, not the network',
        columns: COST_COLUMNS,
        rows: swarms.map((one, i) => ({
          name: i + 1,
          lastRatio: last(one) / bound,
          copies: one.copies,
          publisherCpu: one.publisherCpu,
          peerCpu: one.peerCpu,
          networkCpu: one.networkCpu,
          busyShare: one.busyShare
        }))
      },
      {
        title: 'where its time goes: starting, finding peers and the first block, the swarm at work, the last blocks',
        columns: PHASE_COLUMNS,
        rows: phaseRows(swarms, network, bound)
      }
    ],
    verdicts: [
      judge(`the last peer ends within ${MOST_OF_BOUND} of the bound`, lastSec / bound, { atMost: MOST_OF_BOUND }),
      judge(`the publisher sends at most ${MOST_COPIES} copies`, copies, { atMost: MOST_COPIES })
    ]
  }
}

/** Of the run whose last peer ended in the median time. */
function phaseRows (swarms: readonly SwarmRun[], { mbitPerSec }: NetworkOptions, bound: number): Values[] {
  const byLast = [...swarms].sort((a, b) => (a.seconds.at(-1) ?? 0) - (b.seconds.at(-1) ?? 0))
  const run = byLast[Math.floor((byLast.length - 1) / 2)]
  if (run === undefined) return []
  return phasesOf(run.lastTrace, bytesPerSec(mbitPerSec)).map(({ name, fromMs, toMs, seconds, neededSeconds }) => {
    const lost = seconds - neededSeconds
    return { name, seconds, lost, ofBound: lost / bound, busyShare: coresBusy(run.busy, fromMs, toMs) }
  })
}

/** The least time in which equal links can bring a model from one node to N others (DESIGN.md section 8). */
function boundSec (bytes: number, { peers, mbitPerSec }: NetworkOptions): number {
  const rate = bytesPerSec(mbitPerSec)
  return Math.max(bytes / rate, peers * bytes / (rate + peers * rate))
}
