import { SCENARIOS } from './scenarios.ts'
import { simulate } from './scenario.ts'

/** `npm run simulate -- scenarios [NAME...] [--seeds N]`; `args` begins with the word scenarios. */
export async function runScenarios (args: readonly string[]): Promise<void> {
  const seedsAt = args.indexOf('--seeds')
  const seeds = seedsAt === -1 ? 1 : Number(args[seedsAt + 1])
  const names = args.filter((arg, i) => i > 0 && !arg.startsWith('--') && (seedsAt === -1 || i !== seedsAt + 1))

  process.stdout.write('| scenario | seed | last / bound | median / bound | copies | wasted | unfinished | s |\n')
  process.stdout.write('| --- | --- | --- | --- | --- | --- | --- | --- |\n')
  for (const scenario of SCENARIOS) {
    if (names.length > 0 && !names.includes(scenario.name)) continue
    for (let seed = 1; seed <= seeds; seed++) {
      const start = performance.now()
      const { last, median, copies, wasted, unfinished } = await simulate(scenario, seed)
      const seconds = (performance.now() - start) / 1000
      process.stdout.write(`| ${scenario.name} | ${seed} | ${last.toFixed(3)} | ${median.toFixed(3)} | ${copies.toFixed(3)} | ` +
        `${(wasted * 100).toFixed(2)} % | ${unfinished} | ${seconds.toFixed(1)} |\n`)
    }
  }
}
