import type { BenchOptions, BenchResult } from './bench.ts'
export async function soak (_options: BenchOptions): Promise<BenchResult> { return { tables: [], verdicts: [] } }
