import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../files/temp-folder.ts'
import { ticks } from './plot.ts'
import { runScenarios } from './scenarios-command.ts'
import { SCENARIOS } from './scenarios.ts'
import { simulate } from './simulate.ts'
import { UsageError } from './usage-error.ts'

async function output (...args: string[]): Promise<string[]> {
  const parts: string[] = []
  await runScenarios(args, text => { parts.push(text) })
  return parts.join('').trimEnd().split('\n')
}

it.each([
  [['nope'], /no scenario 'nope'.*one, h8/],
  [['one', '--seed', '2'], /--seed/],
  [['one', '--seeds', 'many'], /--seeds takes a number from 1 on, not 'many'/],
  [['one', '--seeds', '0'], /not '0'/]
])('%j is refused before any run', async (args, message) => {
  const refused = output(...args)
  await expect(refused).rejects.toThrow(UsageError)
  await expect(refused).rejects.toThrow(message)
})

it('writes a row for each seed, their mean and worst, and a plot', async () => {
  const out = await tempFolder()
  const lines = await output('one', '--seeds', '2', '--out', out)
  expect(lines.map(line => line.split(' | ').slice(0, 2).join(' '))).toEqual([
    '| scenario seed', '| --- ---', '| one 1', '| one 2', '| one mean', '| one worst'
  ])
  const svg = await readFile(join(out, 'one.svg'), 'utf8')
  expect(svg).toContain('fluid bound 14.0 s')
  // Two lines a seed above, one below, and as many samples of the legend as there are kinds.
  expect(svg.match(/<polyline/g)).toHaveLength(6)
  expect(svg).not.toMatch(/NaN|Infinity|undefined/)
})

it('writes whole numbers as CSV', async () => {
  const [head = '', row = ''] = await output('one', '--csv')
  expect(head.split(',')).toHaveLength(row.split(',').length)
  expect(Number(row.split(',')[2])).toBeGreaterThan(1)
})

it('looking at a run does not change it', async () => {
  const scenario = SCENARIOS.find(({ name }) => name === 'h8')
  if (scenario === undefined) throw new Error('h8 is gone')
  const small = { ...scenario, fileBytes: 4 * 2 ** 20 }
  const rare = await simulate(small, 3, { looksPerBound: 2 })
  const often = await simulate(small, 3, { looksPerBound: 1000 })
  expect(often.samples.length).toBeGreaterThan(100 * rare.samples.length)
  expect([often.events, often.finished, often.copies]).toEqual([rare.events, rare.finished, rare.copies])
})

it('axes end at round numbers', () => {
  expect(ticks(1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
  expect(ticks(22.7)).toEqual([0, 5, 10, 15, 20, 25])
  expect(ticks(0.31).at(-1)).toBe(0.4)
})
