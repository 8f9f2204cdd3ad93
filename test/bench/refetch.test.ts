import { describe, expect, it } from 'vitest'
import { Refetch } from '../../bench/crash/refetch.ts'

describe('Refetch', () => {
  it('counts what a killed run received and the next did not find', () => {
    const refetch = new Refetch()
    refetch.add({ wireBytes: 50, heldBytes: 0, isKilled: true })
    refetch.add({ wireBytes: 60, heldBytes: 40, isKilled: true })
    refetch.add({ wireBytes: 10, heldBytes: 97, isKilled: false })
    expect(refetch.worstBytes).toBe(10)
  })

  it('takes the mean of kills before which nothing was looked at, and none for a run that ended by itself', () => {
    const refetch = new Refetch()
    refetch.add({ wireBytes: 30, heldBytes: 0, isKilled: true })
    refetch.add({ wireBytes: 10, heldBytes: undefined, isKilled: true })
    refetch.add({ wireBytes: 70, heldBytes: 20, isKilled: false })
    expect(refetch.worstBytes).toBe(10)
    refetch.add({ wireBytes: 0, heldBytes: 50, isKilled: false })
    expect(refetch.worstBytes).toBe(10)
  })
})
