import { Random, seedOf } from '../random.ts'
import { bendBytes } from './bytes.ts'

/** Something that reads bytes it did not write, and what may come of it. */
export interface Decoder {
  readonly name: string
  /** Valid bytes. */
  make: (random: Random) => Uint8Array | Promise<Uint8Array>
  /** Bends them as what they are. */
  bend?: (bytes: Uint8Array, random: Random) => Uint8Array
  /** Decodes, and throws plain errors where what came out breaks a promise. */
  decode: (input: Uint8Array) => unknown
  /** The decoder's own way to refuse. */
  isRefusal: (err: unknown) => boolean
  /** Of the inputs asked for, one in so many; for what is slow and not foreign. Default: 1. */
  readonly oneIn?: number
  close?: () => Promise<void>
}

/** An input that broke a decoder. */
export interface Broken {
  readonly decoder: string
  readonly seed: number
  readonly index: number
  readonly inputHex: string
  readonly why: string
}

export interface Fuzzed {
  /** How many inputs were decoded without an error; the others were refused. */
  accepted: number
  slowestMs: number
}

/** One input takes at most this long. */
export const HANG_MS = 1000
const MAX_BENDS = 4
const NOISE_BYTES = 300
/** Different valid inputs that the others are bent from: making one takes longer than bending it. */
const BASES = 4096
const bases = new WeakMap<Decoder, Map<number, Uint8Array>>()

/** The input of this number: valid, bent, or noise. */
export async function inputOf (decoder: Decoder, seed: number, index: number): Promise<Uint8Array> {
  const random = new Random(seed, seedOf(decoder.name), index)
  const way = random.below(20)
  if (way === 0) return random.bytes(random.below(NOISE_BYTES))
  let input = await baseOf(decoder, seed, random)
  if (way === 1) return input
  for (let bends = random.between(1, MAX_BENDS); bends > 0; bends--) {
    if (decoder.bend !== undefined && random.chance(0.6)) input = decoder.bend(input, random)
    else input = bendBytes(input, random, random.chance(0.2) ? await baseOf(decoder, seed, random) : input)
  }
  return input
}

async function baseOf (decoder: Decoder, seed: number, random: Random): Promise<Uint8Array> {
  const known = bases.get(decoder) ?? new Map<number, Uint8Array>()
  bases.set(decoder, known)
  const number = random.below(BASES)
  const own = new Random(seed, seedOf(decoder.name), -1, number)
  // Not as a Buffer, whose slices are views: a base must stay as it is.
  const base = known.get(number) ?? new Uint8Array(await decoder.make(own))
  known.set(number, base)
  return base
}

/**
 * Decodes inputs of these numbers.
 *
 * @throws BrokenError at the first that is answered by anything but a result or a refusal, or takes too long
 */
export async function fuzz (
  decoder: Decoder, { seed, from, count }: { seed: number, from: number, count: number }
): Promise<Fuzzed> {
  const result: Fuzzed = { accepted: 0, slowestMs: 0 }
  for (let index = from; index < from + count; index++) {
    const input = await inputOf(decoder, seed, index)
    const broken = (why: string): BrokenError => new BrokenError({
      decoder: decoder.name, seed, index, inputHex: Buffer.from(input).toString('hex'), why
    })
    try {
      const { isAccepted, tookMs } = await decodeOnce(decoder, input)
      // A busy machine takes its time too: what is slow twice is slow.
      if (tookMs > HANG_MS && (await decodeOnce(decoder, input)).tookMs > HANG_MS) {
        throw new Error(`It took ${Math.round(tookMs)} ms, and so again`)
      }
      if (isAccepted) result.accepted++
      if (tookMs > result.slowestMs) result.slowestMs = tookMs
    } catch (err) {
      throw broken(err instanceof Error ? err.stack ?? err.message : 'it threw what is no error')
    }
  }
  return result
}

/** @throws what is no refusal */
async function decodeOnce (decoder: Decoder, input: Uint8Array): Promise<{ isAccepted: boolean, tookMs: number }> {
  const startMs = performance.now()
  let isAccepted = true
  try {
    const decoding = decoder.decode(input)
    if (decoding instanceof Promise) await decoding
  } catch (err) {
    if (!decoder.isRefusal(err)) throw err
    isAccepted = false
  }
  return { isAccepted, tookMs: performance.now() - startMs }
}

export class BrokenError extends Error {
  readonly broken: Broken

  constructor (broken: Broken) {
    const { decoder, seed, index, inputHex, why } = broken
    super(`${decoder}: input ${index} of seed ${seed}, ${inputHex}: ${why}`)
    this.name = 'BrokenError'
    this.broken = broken
  }
}
