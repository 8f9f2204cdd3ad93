import { describe, expect, it } from 'vitest'
import { databaseError, readError } from '../../src/store/state-error.ts'

describe('databaseError', () => {
  it('gives the reason of a failed commit, and names a full disk', async () => {
    const reason = Promise.reject(Object.assign(new Error('No space left on device'), { code: 28 }))
    const commit = Object.assign(new Error('Commit failed (see commitError for details)'), { commitError: reason })
    expect(await databaseError(commit, '/state')).toMatchObject({
      code: 'ERR_NO_SPACE',
      message: 'Cannot write the state in /state: no space is left on the disk; free some space and try again'
    })
  })

  it('tells damage, a missing right and a failing disk apart', async () => {
    const codes = []
    for (const code of [-30796, 13, 5]) codes.push(await databaseError(Object.assign(new Error('x'), { code }), '/tmp'))
    expect(codes).toMatchObject([{ code: 'ERR_STATE_DAMAGED' }, { code: 'ERR_PATH_PERMISSION' }, { code: 'ERR_DISK' }])
  })

  it.each([-30783, -30790])('says what the database says of itself (%i), not that the disk failed', async code => {
    const err = Object.assign(new Error('MDB_X: no slot'), { code })
    for (const told of [await databaseError(err, '/tmp'), readError(err, '/tmp')]) {
      expect(told).toMatchObject({
        code: 'ERR_DISK',
        message: 'Cannot use the state in /tmp: its database says "MDB_X: no slot"; end the processes that use it and try again'
      })
    }
  })

  it('leaves what is not LMDB\'s alone', async () => {
    const misuse = new RangeError('no')
    expect(await databaseError(misuse, '/state')).toBe(misuse)
  })
})
