import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { scenarioPlot } from './scenario-plot.ts'
import { SCENARIOS } from './scenarios.ts'
import { simulate } from './simulate.ts'
import { CSV, MARKDOWN } from './table.ts'
import { UsageError } from './usage-error.ts'
import type { Scenario } from './scenario.ts'
import type { Run } from './table.ts'

export const SCENARIOS_USAGE = `scenarios [NAME...] [--seeds N] [--out DIR] [--csv]
  runs the named scenarios, or all that take a minute at most, and writes a table
    --seeds N   each with the seeds 1 to N, and their mean and worst (default: 1)
    --out DIR   writes DIR/NAME.svg: completion and copies over time
    --csv       the table as CSV, with whole numbers
  names: ${SCENARIOS.map(({ name, isLong }) => isLong === true ? `${name} (long)` : name).join(', ')}
`

/**
 * `scenarios`: runs them, and writes the table as it comes.
 *
 * @throws UsageError
 */
export async function runScenarios (args: readonly string[], write: (text: string) => void): Promise<void> {
  const { scenarios, seeds, out, table } = readArguments(args)
  if (out !== undefined) await mkdir(out, { recursive: true })
  write(table.head())
  for (const scenario of scenarios) {
    const runs: Run[] = []
    for (let seed = 1; seed <= seeds; seed++) {
      const start = performance.now()
      const outcome = await simulate(scenario, seed)
      // The crowds are as large as the run itself; figures and samples are all that is shown.
      const run = { outcome: { ...outcome, crowds: [] }, seconds: (performance.now() - start) / 1000 }
      runs.push(run)
      write(table.row(run))
    }
    if (seeds > 1) write(table.totals(scenario.name, runs))
    if (out !== undefined) await writeFile(join(out, `${scenario.name}.svg`), scenarioPlot(runs.map(run => run.outcome)))
  }
}

function readArguments (args: readonly string[]): {
  scenarios: readonly Scenario[], seeds: number, out: string | undefined, table: typeof MARKDOWN
} {
  const { values, positionals } = parsed(args)
  const seeds = Number(values.seeds)
  if (!Number.isSafeInteger(seeds) || seeds < 1) {
    throw new UsageError(`--seeds takes a number from 1 on, not '${values.seeds}'`)
  }
  const scenarios = positionals.map(name => {
    const scenario = SCENARIOS.find(known => known.name === name)
    if (scenario === undefined) {
      throw new UsageError(`There is no scenario '${name}'; there are ${SCENARIOS.map(known => known.name).join(', ')}`)
    }
    return scenario
  })
  return {
    scenarios: scenarios.length > 0 ? scenarios : SCENARIOS.filter(({ isLong }) => isLong !== true),
    seeds,
    out: values.out,
    table: values.csv ? CSV : MARKDOWN
  }
}

function parsed (args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seeds: { type: 'string', default: '1' },
        out: { type: 'string' },
        csv: { type: 'boolean', default: false }
      }
    })
  } catch (err) {
    if (!(err instanceof TypeError)) throw err
    throw new UsageError(err.message, { cause: err })
  }
}
