// Bends JSON so that it stays JSON.
import type { Random } from '../random.ts'

const NUMBERS = [0, -0, -1, 1, 0.5, 255, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300, -1e300]
const TEXTS = ['', '__proto__', 'constructor', 'dtype', 'shape', 'data_offsets', '__metadata__', 'F32', '\u0000', '\ud800', '../x']

/** Bends one value inside a JSON value. Copies. */
export function bendJson (value: unknown, random: Random): unknown {
  if (typeof value === 'object' && value !== null && random.chance(0.85)) {
    return Array.isArray(value) ? bendList(value, random) : bendObject(value, random)
  }
  return anyValue(value, random)
}

function bendList (list: readonly unknown[], random: Random): unknown {
  const at = random.below(list.length)
  switch (random.below(5)) {
    case 0: return [...list, list[at] ?? null]
    case 1: return list.filter((_, i) => i !== at)
    case 2: return [...list].reverse()
    default: return list.map((item, i) => i === at ? bendJson(item, random) : item)
  }
}

function bendObject (object: object, random: Random): unknown {
  const entries = Object.entries(object)
  const at = random.below(entries.length)
  switch (random.below(6)) {
    case 0: return Object.fromEntries(entries.filter((_, i) => i !== at))
    case 1: return Object.fromEntries(entries.map(([key, value], i) => [i === at ? random.pick(TEXTS) : key, value]))
    case 2: return Object.fromEntries([...entries, [random.pick(TEXTS), entries[at]?.[1] ?? null]])
    default:
      return Object.fromEntries(entries.map(([key, value], i) => [key, i === at ? bendJson(value, random) : value]))
  }
}

function anyValue (was: unknown, random: Random): unknown {
  switch (random.below(8)) {
    case 0: return null
    case 1: return random.chance(0.5)
    case 2: return random.pick(TEXTS)
    case 3: return []
    case 4: return {}
    case 5: return typeof was === 'string' ? was + random.pick(TEXTS) : [was]
    case 6: return nested(random.between(1, 2000))
    default: return typeof was === 'number' && random.chance(0.5) ? was + random.between(-2, 2) : random.pick(NUMBERS)
  }
}

function nested (depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
