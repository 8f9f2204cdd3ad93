import { describe, expect, it } from 'vitest'
import {
  formatBytes, formatCount, formatRate, formatSeconds, formatShare, formatTimeLeft, shortRoot
} from '../../src/cli/units.ts'

describe('units for people', () => {
  it.each([
    [0, '0 B'], [1, '1 B'], [999, '999 B'], [1000, '0.98 KiB'], [1024, '1.00 KiB'], [1536, '1.50 KiB'],
    [64 * 1024, '64.0 KiB'], [999 * 1024, '999 KiB'], [1024 ** 2 - 1, '1.00 MiB'], [1024 ** 3, '1.00 GiB'],
    [140e9, '130 GiB'], [2 ** 53 - 1, '8.00 PiB']
  ])('writes %d bytes as %s', (bytes, text) => { expect(formatBytes(bytes)).toBe(text) })

  it.each([
    [0.04, '0.0 s'], [12.34, '12.3 s'], [59.94, '59.9 s'], [59.96, '1 min 00 s'], [125, '2 min 05 s'],
    [3599.6, '1 h 00 min'], [3725, '1 h 02 min'], [90_000, '25 h 00 min']
  ])('writes %d seconds as %s', (seconds, text) => { expect(formatSeconds(seconds)).toBe(text) })

  it.each([
    [0, 10, '0 %'], [1, 1000, '<1 %'], [62, 100, '62 %'], [999, 1000, '>99 %'], [10, 10, '100 %'], [0, 0, '0 %']
  ])('writes %d of %d as %s', (part, whole, text) => { expect(formatShare(part, whole)).toBe(text) })

  it('writes rates, counts, time left and short roots', () => {
    expect(formatRate(1024 ** 2)).toBe('1.00 MiB/s')
    expect(formatCount(1, 'file')).toBe('1 file')
    expect(formatCount(4096, 'block')).toBe('4,096 blocks')
    expect(formatCount(999, 'block')).toBe('999 blocks')
    expect(formatCount(1234567, 'block')).toBe('1,234,567 blocks')
    expect(formatTimeLeft(0.2)).toBe('1 s')
    expect(formatTimeLeft(75)).toBe('1 min 15 s')
    expect(shortRoot('bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')).toBe('bafybeih…quvyku')
  })
})
