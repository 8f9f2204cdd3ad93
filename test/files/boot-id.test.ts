import { describe, expect, it } from 'vitest'
import { bootId, readIfThere, sameBoot } from '../../src/files/boot-id.ts'

describe('boot id', () => {
  it('stays while the machine runs', () => {
    expect(sameBoot(bootId(), bootId())).toBe(true)
  })

  it('compares start times with some room for clocks, and nothing else with them', () => {
    expect(sameBoot('started:1000', 'started:1060')).toBe(true)
    expect(sameBoot('started:1000', 'started:2000')).toBe(false)
    expect(sameBoot('started:1000', 'a3f0')).toBe(false)
    expect(sameBoot('a3f0', 'a3f1')).toBe(false)
  })

  it('reads nothing where there is nothing', () => {
    expect(readIfThere('/no/such/file')).toBeUndefined()
  })
})
