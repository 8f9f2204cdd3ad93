// What goes wrong with bytes whatever they mean.
import type { Random } from '../random.ts'

/** Numbers at which widths, signs and limits turn over. */
const EXTREMES = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn,
  0x1f_ffff_ffff_ffffn, 0x20_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]
/** Inputs do not grow past this by being bent again and again. */
const MAX_BYTES = 16 * 1024

type Bend = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

const BENDS: readonly Bend[] = [flipBit, setByte, cutEnd, remove, repeat, insert, splice, writeExtreme, insertVarint]

/** Bends bytes once; `other` is another valid input to take pieces of. Copies. */
export function bendBytes (bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  return random.pick(BENDS)(bytes, random, other).slice(0, MAX_BYTES)
}

/** A number at the edges, or any. */
export function anyNumber (random: Random): bigint {
  const near = random.pick(EXTREMES) + BigInt(random.between(-1, 1))
  return random.chance(0.8) ? BigInt.asUintN(64, near) : BigInt(random.next())
}

/** LEB128 of a number; some are longer than they need to be, or never end. */
export function varintOf (value: bigint, random?: Random): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  if (random?.chance(0.05) === true) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80
    for (let i = random.below(12); i > 0; i--) bytes.push(0x80)
    bytes.push(random.below(256))
  }
  return Uint8Array.from(bytes)
}

export function concat (...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.byteLength
  }
  return bytes
}

function flipBit (bytes: Uint8Array, random: Random): Uint8Array {
  const bent = new Uint8Array(bytes)
  const at = random.below(bent.byteLength)
  if (bent.byteLength > 0) bent[at] = (bent[at] ?? 0) ^ (1 << random.below(8))
  return bent
}

function setByte (bytes: Uint8Array, random: Random): Uint8Array {
  const bent = new Uint8Array(bytes)
  const value = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
  if (bent.byteLength > 0) bent[random.below(bent.byteLength)] = value
  return bent
}

function cutEnd (bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.byteLength + 1))
}

function remove (bytes: Uint8Array, random: Random): Uint8Array {
  const { start, end } = stretch(bytes, random)
  return concat(bytes.subarray(0, start), bytes.subarray(end))
}

function repeat (bytes: Uint8Array, random: Random): Uint8Array {
  const { start, end } = stretch(bytes, random)
  const times = random.chance(0.1) ? random.below(100) : 2
  const repeated = Array.from({ length: times }, () => bytes.subarray(start, end))
  return concat(bytes.subarray(0, start), ...repeated, bytes.subarray(end))
}

function insert (bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength + 1)
  return concat(bytes.subarray(0, at), random.bytes(random.between(1, 16)), bytes.subarray(at))
}

/** Its beginning with the end of another. */
function splice (bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const end = random.below(bytes.byteLength + 1)
  return concat(bytes.subarray(0, end), other.subarray(random.below(other.byteLength + 1)))
}

/** A number of 1 to 8 bytes over what is there: lengths and offsets that lie. */
function writeExtreme (bytes: Uint8Array, random: Random): Uint8Array {
  const bent = new Uint8Array(bytes)
  const width = random.pick([1, 2, 4, 8])
  if (bent.byteLength < width) return bent
  let rest = anyNumber(random)
  const isLittle = random.chance(0.7)
  const start = random.below(bent.byteLength - width + 1)
  for (let i = 0; i < width; i++) {
    bent[start + (isLittle ? i : width - 1 - i)] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bent
}

function insertVarint (bytes: Uint8Array, random: Random): Uint8Array {
  const { start, end } = stretch(bytes, random)
  const rest = bytes.subarray(random.chance(0.5) ? start : end)
  return concat(bytes.subarray(0, start), varintOf(anyNumber(random), random), rest)
}

function stretch (bytes: Uint8Array, random: Random): { start: number, end: number } {
  const start = random.below(bytes.byteLength + 1)
  const most = random.chance(0.8) ? Math.min(16, bytes.byteLength - start) : bytes.byteLength - start
  return { start, end: start + random.below(most + 1) }
}
