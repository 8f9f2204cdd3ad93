import { describe, expect, it } from 'vitest'
import { doneLine, pullLine, resolvedLine, swarmLine } from '../../src/cli/lines.ts'
import type { PullProgress } from '../../src/events.ts'

const progress: PullProgress = {
  type: 'progress',
  root: 'bafy',
  bytes: 640 * 1024 ** 2,
  total: 1024 ** 3,
  peers: 4,
  seeders: 1,
  from: { peers: 600 * 1024 ** 2, origins: 0, local: 0 },
  fromPublisher: 240 * 1024 ** 2,
  rateInBytesPerSec: 52.1 * 1024 ** 2,
  rateOutBytesPerSec: 0,
  secondsLeft: 7.3
}

describe('what a pull is about to fetch', () => {
  const all = { type: 'resolved', root: 'bafy', files: 3, bytes: 2048, blocks: 4, wantedFiles: 3, wantedBytes: 2048 } as const

  it('is the model', () => {
    expect(resolvedLine(all)).toBe('2.00 KiB in 3 files, 4 blocks')
  })

  it('is what was chosen of it', () => {
    expect(resolvedLine({ ...all, wantedFiles: 1, wantedBytes: 1024 })).toBe('1.00 KiB in 1 of 3 files, of 2.00 KiB in all')
  })
})

describe('the line of a pull', () => {
  it('says everything where there is no terminal', () => {
    expect(pullLine(progress))
      .toBe('63 %, 640 MiB of 1.00 GiB, 52.1 MiB/s, 7 s left, 4 peers, 38 % from the publisher')
  })

  it('begins with a bar on a terminal', () => {
    expect(pullLine(progress, 120)).toMatch(/^█{18}░{12} {2}63 % {2}640 MiB of 1\.00 GiB .* 38 % from the publisher$/)
  })

  it.each([120, 100, 80, 60, 40, 20])('never fills a terminal of %d columns', columns => {
    expect(pullLine(progress, columns).length).toBeLessThan(columns)
  })

  it('says that it looks at what is already here, and how much of it is good so far', () => {
    const checking = { ...progress, checkedBytes: 700 * 1024 ** 2, secondsLeft: undefined }
    expect(pullLine(checking)).toBe('63 %, 640 MiB of 1.00 GiB, checking what is already here')
  })

  it('leaves out what is not known', () => {
    const nothing = { peers: 0, origins: 0, local: 0 }
    expect(pullLine({ ...progress, secondsLeft: undefined, from: nothing, fromPublisher: 0 }))
      .toBe('63 %, 640 MiB of 1.00 GiB, 52.1 MiB/s, 4 peers')
  })

  it('says what is copied, with the shares that the last line will have', () => {
    const local = 160 * 1024 ** 2
    const from = { peers: 480 * 1024 ** 2, origins: 0, local }
    expect(pullLine({ ...progress, from, fromPublisher: 320 * 1024 ** 2 }))
      .toMatch(/, 4 peers, 50 % from the publisher, 25 % copied on this machine$/)
    expect(pullLine({ ...progress, peers: 0, from: { peers: 0, origins: 0, local }, fromPublisher: 0 }))
      .toMatch(/, 7 s left, 25 % copied on this machine$/)
  })

  it('stands an empty model', () => {
    expect(pullLine({ ...progress, bytes: 0, total: 0 }, 80)).toContain('0 B of 0 B')
  })
})

describe('the line of a swarm', () => {
  it('says that nobody is there', () => {
    expect(swarmLine({ peers: 0, seeders: 0, complete: 1, copiesSent: 0, sentBytes: 0 }))
      .toBe('no peers yet, sent 0 B (0.00 copies)')
  })

  it('says that those who were there have left', () => {
    expect(swarmLine({ peers: 0, seeders: 0, complete: 1, copiesSent: 1, sentBytes: 1024 }, undefined, true))
      .toBe('no peers now, sent 1.00 KiB (1.00 copies)')
  })

  it('says how far the others are', () => {
    expect(swarmLine({ peers: 3, seeders: 1, complete: 0.5, copiesSent: 1.02, sentBytes: 1024 }))
      .toBe('50 %, 3 peers (1 complete), sent 1.00 KiB (1.02 copies)')
  })
})

describe('the last line of a pull', () => {
  const done = { bytes: 1000, seconds: 12.34, held: 0, from: { peers: 1000, origins: 0, local: 0 }, fromPublisher: 620 }

  it('says where the bytes came from', () => {
    expect(doneLine(done)).toBe('done: 0.98 KiB in 12.3 s: 62 % from the publisher, 38 % from other peers')
  })

  it('names every place that gave something', () => {
    expect(doneLine({ ...done, held: 100, from: { peers: 500, origins: 150, local: 250 }, fromPublisher: 500 })).toBe(
      'done: 0.98 KiB in 12.3 s: 50 % from the publisher, 15 % from origins, ' +
      '25 % copied on this machine, 10 % already here')
  })

  it('names the publisher alone when nobody else gave anything', () => {
    expect(doneLine({ ...done, fromPublisher: 1000 })).toBe('done: 0.98 KiB in 12.3 s: 100 % from the publisher')
  })

  it('does not speak of peers that gave nothing', () => {
    expect(doneLine({ ...done, from: { peers: 0, origins: 0, local: 1000 }, fromPublisher: 0 }))
      .toBe('done: 0.98 KiB in 12.3 s: 100 % copied on this machine')
    expect(doneLine({ ...done, bytes: 0, from: { peers: 0, origins: 0, local: 0 }, fromPublisher: 0 }))
      .toBe('done: 0 B in 12.3 s')
  })

  it('says when all of it was there', () => {
    expect(doneLine({ ...done, held: 1000, from: { peers: 0, origins: 0, local: 0 }, fromPublisher: 0 }))
      .toMatch(/all of it was already here$/)
  })
})
