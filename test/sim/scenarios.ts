import type { Scenario } from './scenario.ts'

const MIB = 2 ** 20
const KIB = 2 ** 10
const same = (up: number, down: number) => () => ({ up, down })

/** The scenarios of the published policy study, by their names there. Rates in Mbit/s. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'one', peers: 1, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 40) },
  { name: 'h8', peers: 8, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 40) },
  { name: 'h16', peers: 16, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 40) },
  { name: 'd80', peers: 16, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 80) },
  {
    name: 'het40',
    peers: 16,
    fileBytes: 64 * MIB,
    blockBytes: 64 * KIB,
    publisherUp: 40,
    rates: i => ({ up: i % 2 === 0 ? 20 : 80, down: 200 })
  },
  { name: 'o400', peers: 16, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 400, rates: same(40, 200) },
  { name: 'm50g', peers: 50, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 80) },
  { name: 'g50', peers: 50, fileBytes: 1024 * MIB, blockBytes: 256 * KIB, publisherUp: 1000, rates: same(1000, 1000) },
  { name: 'ch50', peers: 50, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 80), churn: 0.2 },
  {
    name: 'st50',
    peers: 50,
    fileBytes: 64 * MIB,
    blockBytes: 64 * KIB,
    publisherUp: 40,
    rates: same(40, 80),
    arrivalMs: (_, random) => random() * 14_000
  },
  { name: 'n200', peers: 200, fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40, rates: same(40, 80) },
  {
    name: 'n1000',
    peers: 1000,
    fileBytes: 16 * MIB,
    blockBytes: 64 * KIB,
    publisherUp: 40,
    rates: same(40, 80),
    latencyMs: 25
  }
]
