// A short run of `npm run fuzz`, and what its long runs have found.
import { describe, expect, it } from 'vitest'
import { fuzz, inputOf } from '../bench/fuzz/decoder.ts'
import { foreignDecoders } from '../bench/fuzz/decoders.ts'
import { link } from '../bench/fuzz/links.ts'
import { stateDecoders } from '../bench/fuzz/state.ts'
import { tempFolder } from './files/temp-folder.ts'
import type { Decoder } from '../bench/fuzz/decoder.ts'

const SEED = 1
const INPUTS = 2000
/** Each is written to a disk. */
const STATE_INPUTS = 100

/** Inputs that were answered by something else once. */
const FOUND: ReadonlyArray<[decoder: string, inputHex: string]> = [
  ['stored bits of what is held', '00000000000000000000000074'],
  ['stored bits of what is held', '00'],
  ['stored place', '002c01'],
  ['stored place', '000000000001000000']
]

/** Decodes so many inputs each. Some must get past the first check, and some must not, or nothing is tried. */
async function expectAnswers (decoders: readonly Decoder[], count: number): Promise<void> {
  for (const decoder of decoders) {
    const { accepted } = await fuzz(decoder, { seed: SEED, from: 0, count })
    expect(accepted, decoder.name).toBeGreaterThan(count / 50)
  }
}

async function ofState (): Promise<Decoder[]> {
  return await stateDecoders(await tempFolder())
}

async function closeAll (decoders: readonly Decoder[]): Promise<void> {
  await Promise.all(decoders.map(async decoder => { await decoder.close?.() }))
}

describe('decoders', () => {
  it('answer foreign bytes with a result or their own error, and hold what they promise of a result', async () => {
    await expectAnswers(await foreignDecoders(SEED), INPUTS)
  })

  it('of a state folder do so for whatever they find there', async () => {
    const decoders = await ofState()
    await expectAnswers(decoders, STATE_INPUTS)
    await closeAll(decoders)
  })

  it('refuse what once broke them', async () => {
    const decoders = await ofState()
    for (const [name, hex] of FOUND) {
      const decoder = decoders.find(one => one.name === name)
      const decode = async (): Promise<unknown> => await decoder?.decode(Buffer.from(hex, 'hex'))
      await expect(decode(), `${name} ${hex}`).rejects.toMatchObject({ code: 'ERR_STATE_DAMAGED' })
    }
    await closeAll(decoders)
  })

  it('are given the same input for the same seed and number, whatever was bent meanwhile', async () => {
    const numbers = Array.from({ length: 300 }, (_, i) => i)
    const inputs = async (seed: number): Promise<string[]> => {
      const all: string[] = []
      for (const number of numbers) all.push(Buffer.from(await inputOf(link, seed, number)).toString('hex'))
      return all
    }
    const first = await inputs(5)
    await fuzz(link, { seed: 5, from: 300, count: 10_000 })
    expect(await inputs(5)).toEqual(first)
    expect(await inputs(6)).not.toEqual(first)
  })
})
