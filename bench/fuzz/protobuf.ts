// Bends protobuf field by field, with lengths that fit again: what plain bytes rarely reach.
import { anyNumber, bendBytes, concat, varintOf } from './bytes.ts'
import type { Random } from '../random.ts'

interface Field {
  number: bigint
  wireType: number
  /** What follows the tag; of wire type 2 without its length. */
  value: Uint8Array
}

const VARINT = 0
const BYTES = 2
const MAX_DEPTH = 4

/** Bends one field of a message, or of a message inside it; bytes that are no message are bent as bytes. */
export function bendProtobuf (bytes: Uint8Array, random: Random, depth = 0): Uint8Array {
  const fields = fieldsOf(bytes)
  if (fields === undefined || fields.length === 0) return bendBytes(bytes, random, bytes)
  const at = random.below(fields.length)
  const field = fields[at]
  if (field === undefined) return bytes
  switch (random.below(8)) {
    case 0: // once more, or very often
      fields.push(...Array.from({ length: random.chance(0.05) ? random.below(300) : 1 }, () => field))
      break
    case 1:
      fields.splice(at, 1)
      break
    case 2:
      fields.splice(random.below(fields.length), 0, ...fields.splice(at, 1))
      break
    case 3:
      fields[at] = { ...field, number: random.chance(0.7) ? BigInt(random.below(24)) : anyNumber(random) >> 3n }
      break
    case 4:
      fields[at] = { ...field, wireType: random.below(8) }
      break
    case 5:
      fields.push({
        number: BigInt(random.below(24)),
        wireType: random.pick([VARINT, BYTES]),
        value: varintOf(anyNumber(random), random)
      })
      break
    default:
      fields[at] = { ...field, value: bendValue(field, random, depth) }
  }
  return concat(...fields.map(one => encodeField(one, random)))
}

function bendValue ({ wireType, value }: Field, random: Random, depth: number): Uint8Array {
  if (wireType === VARINT) return varintOf(anyNumber(random), random)
  if (wireType !== BYTES) return random.bytes(random.below(10))
  const isMessage = depth < MAX_DEPTH && random.chance(0.8)
  return isMessage ? bendProtobuf(value, random, depth + 1) : bendBytes(value, random, value)
}

function encodeField ({ number, wireType, value }: Field, random: Random): Uint8Array {
  const tag = varintOf(number << 3n | BigInt(wireType))
  if (wireType !== BYTES) return concat(tag, value)
  const length = random.chance(0.01) ? anyNumber(random) : BigInt(value.byteLength)
  return concat(tag, varintOf(length), value)
}

/** The fields of a message; undefined for bytes that are none. */
function fieldsOf (bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; at < bytes.byteLength && shift < 64n; shift += 7n) {
      const byte = bytes[at++] ?? 0
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.byteLength) {
    const tag = varint()
    if (tag === undefined) return undefined
    const wireType = Number(tag & 7n)
    let start = at
    if (wireType === VARINT) {
      if (varint() === undefined) return undefined
    } else if (wireType === BYTES) {
      const length = varint()
      if (length === undefined || length > bytes.byteLength - at) return undefined
      start = at
      at += Number(length)
    } else if (wireType === 1 || wireType === 5) {
      at += wireType === 1 ? 8 : 4
    } else {
      return undefined
    }
    if (at > bytes.byteLength) return undefined
    fields.push({ number: tag >> 3n, wireType, value: bytes.subarray(start, at) })
  }
  return fields
}
