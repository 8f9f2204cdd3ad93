import type { Machine, Scenario } from './scenario.ts'

const MIB = 2 ** 20
const KIB = 2 ** 10
const same = (up: number, down: number) => () => ({ up, down })
const halves = (one: number, other: number, down: number) => (i: number) => ({ up: i % 2 === 0 ? one : other, down })
const spread = (ms: number) => (_: number, random: () => number) => random() * ms

/** 64 MiB in blocks of 64 KiB from a publisher with 40 Mbit/s. */
const STUDY = { fileBytes: 64 * MIB, blockBytes: 64 * KIB, publisherUp: 40 }
/**
 * The lab's machine: two cores for all nodes; 20 ms an end for a connection, and what a short pull of a process that
 * has just started needs for its bytes.
 */
const LAB_MACHINE: Machine = { cores: 2, connectMs: 20, coldConnectMs: 100, coldConnects: 4, msPerMiB: 50 }
/** The lab's file is random bytes, cut as any other file: in blocks of 64 KiB. Its round trip: 10 ms. */
const LAB_BASE = { ...STUDY, latencyMs: 5, machine: LAB_MACHINE }
const LAB: Pick<Scenario, 'network'> & typeof LAB_BASE = { ...LAB_BASE, network: 'shaped' }

const LAB10 = { ...LAB, fileBytes: 32 * MIB, publisherUp: 10 }

/** The scenarios of the published policy study by their names there, the lab's, and large ones. Rates in Mbit/s. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'one', ...STUDY, peers: 1, rates: same(40, 40) },
  { name: 'h8', ...STUDY, peers: 8, rates: same(40, 40) },
  { name: 'h16', ...STUDY, peers: 16, rates: same(40, 40) },
  { name: 'd80', ...STUDY, peers: 16, rates: same(40, 80) },
  { name: 'p200', ...STUDY, peers: 16, rates: same(200, 200) },
  { name: 'o400', ...STUDY, peers: 16, publisherUp: 400, rates: same(40, 200) },
  { name: 'het40', ...STUDY, peers: 16, rates: halves(20, 80, 200) },
  { name: 'het100', ...STUDY, peers: 16, publisherUp: 100, rates: halves(20, 80, 200) },
  { name: 'm50', ...STUDY, peers: 50, rates: same(40, 80), degree: Infinity, publisherDegree: 50 },
  { name: 'm50g', ...STUDY, peers: 50, rates: same(40, 80) },
  { name: 'g50', peers: 50, fileBytes: 1024 * MIB, blockBytes: 256 * KIB, publisherUp: 1000, rates: same(1000, 1000) },
  { name: 'ch16', ...STUDY, peers: 16, rates: same(40, 80), churn: 0.2 },
  { name: 'ch50', ...STUDY, peers: 50, rates: same(40, 80), churn: 0.2 },
  // Arrivals of a Poisson process, given how many come in the time, are uniform.
  { name: 'st16', ...STUDY, peers: 16, rates: same(40, 80), arrivalMs: spread(14_000) },
  { name: 'st50', ...STUDY, peers: 50, rates: same(40, 80), arrivalMs: spread(14_000) },
  { name: 'n200', ...STUDY, peers: 200, rates: same(40, 80) },
  { name: 'x1000', ...STUDY, peers: 1000, fileBytes: 16 * MIB, rates: same(40, 80), latencyMs: 25 },
  { name: 'n1000', isLong: true, ...STUDY, peers: 1000, rates: same(40, 80), latencyMs: 25 },
  {
    name: 'n10000',
    isLong: true,
    ...STUDY,
    peers: 10_000,
    rates: same(40, 80),
    latencyMs: 25,
    degree: 8,
    publisherDegree: 64,
    chunkBytes: 64 * KIB
  },
  { name: 'labA', ...LAB, peers: 8, rates: same(40, 40) },
  { name: 'labB', ...LAB, peers: 16, rates: same(40, 80) },
  // The same at a quarter of the rates: there the network sets the pace in the lab, not its processor.
  { name: 'labA10', ...LAB10, peers: 8, rates: same(10, 10) },
  { name: 'labB10', ...LAB10, peers: 16, rates: same(10, 20) }
]
