import { plot, shortNumber } from './plot.ts'
import type { Point } from './plot.ts'
import type { Sample } from './sampler.ts'
import type { Outcome } from './simulate.ts'

/** A plot of the runs of one scenario: how the file spread, against the bound, and what the publisher sent. */
export function scenarioPlot (outcomes: readonly Outcome[]): string {
  const [first] = outcomes
  if (first === undefined) throw new RangeError('Nothing to plot')
  const boundSeconds = first.boundMs / 1000
  const linesOf = (value: (sample: Sample) => number): Point[][] => outcomes.map(({ samples }) => {
    return samples.map(sample => ({ x: sample.atMs / 1000, y: value(sample) }))
  })
  const seeds = outcomes.length === 1 ? `seed ${first.seed}` : `${outcomes.length} seeds`
  const percent = (share: number): string => `${shortNumber(share * 100)} %`
  return plot({
    title: `${first.name}: ${first.finished.length} peers, ${seeds}`,
    xLabel: 'virtual time, s',
    marks: [{ x: boundSeconds, label: `fluid bound ${boundSeconds.toFixed(1)} s` }],
    panels: [
      {
        yLabel: 'share',
        yMost: 1,
        formatY: percent,
        series: [
          { label: 'peers that are complete', lines: linesOf(({ completeShare }) => completeShare) },
          { label: 'bytes held, mean of the peers', lines: linesOf(({ heldShare }) => heldShare) }
        ]
      },
      {
        yLabel: 'copies',
        formatY: shortNumber,
        series: [{ label: 'sent by the publisher, over the file', lines: linesOf(({ copies }) => copies) }]
      }
    ]
  })
}
