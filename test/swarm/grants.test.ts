import { describe, expect, it } from 'vitest'
import { Grants } from '../../src/swarm/grants.ts'

describe('grants of a session', () => {
  it('add up over its pulls', () => {
    const grants = new Grants()
    expect(grants.raise(100)).toBe(100)
    grants.begin()
    expect(grants.raise(30)).toBe(130)
    expect(grants.onMode(120)).toBe(20)
  })

  it('never fall by a grant', () => {
    const grants = new Grants()
    grants.raise(100)
    expect(grants.raise(60)).toBe(100)
  })

  it('fall to what was given with a Mode: what is granted then says no more than the pull counts', () => {
    const grants = new Grants()
    grants.raise(100)
    expect(grants.modes).toBe(0)
    expect(grants.onMode(40)).toBe(40)
    expect(grants.modes).toBe(1)
    expect(grants.raise(60)).toBe(60)
  })

  it('of an earlier pull that are void move the start of this one back', () => {
    const grants = new Grants()
    grants.raise(100)
    grants.begin()
    expect(grants.onMode(40)).toBe(0)
    expect(grants.raise(10)).toBe(50)
  })
})
