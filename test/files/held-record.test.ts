import { describe, expect, it } from 'vitest'
import { isBelieved } from '../../src/files/held-record.ts'

const SECOND = 1_000_000_000n
const identity = { sizeBytes: 8, mtimeNs: 10n * SECOND, ctimeNs: 10n * SECOND, inode: 5n }
const large = { ...identity, sizeBytes: 2 ** 40 }
const part = { path: 'a', complete: false, identity }

describe('isBelieved', () => {
  it('believes a file that is just as recorded', () => {
    expect(isBelieved(part, { complete: false, identity }, 10_000)).toBe(true)
    expect(isBelieved({ ...part, complete: true }, { complete: true, identity }, 10_000)).toBe(true)
  })

  it('believes no other file of that name, and no complete file that was written to', () => {
    expect(isBelieved(part, { complete: false, identity: { ...identity, inode: 6n } }, 10_000)).toBe(false)
    const touched = { ...identity, ctimeNs: 11n * SECOND }
    expect(isBelieved({ ...part, complete: true }, { complete: true, identity: touched }, 10_000)).toBe(false)
  })

  it('believes a part file that was only renamed since', () => {
    expect(isBelieved(part, { complete: true, identity: { ...identity, ctimeNs: 11n * SECOND } }, 10_000)).toBe(true)
    // written to later, with its mtime put back
    expect(isBelieved(part, { complete: true, identity: { ...identity, ctimeNs: 99n * SECOND } }, 10_000)).toBe(false)
  })

  it('believes a part file written to since only when it is large and it was the killed pull that wrote', () => {
    const later = (base: typeof identity, seconds: bigint): typeof identity => {
      return { ...base, mtimeNs: seconds * SECOND, ctimeNs: seconds * SECOND }
    }
    expect(isBelieved(part, { complete: false, identity: later(identity, 11n) }, 10_000)).toBe(false)
    const bigPart = { ...part, identity: large }
    expect(isBelieved(bigPart, { complete: false, identity: later(large, 11n) }, 10_000)).toBe(true)
    expect(isBelieved(bigPart, { complete: false, identity: later(large, 16n) }, 10_000)).toBe(false)
    // somebody set the clock back: nothing can be told by it
    expect(isBelieved(bigPart, { complete: false, identity: later(large, 9n) }, 10_000)).toBe(false)
  })
})
