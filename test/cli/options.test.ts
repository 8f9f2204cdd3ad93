import { userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { defaultStateFolder } from '../../src/cli/options.ts'

it('the state folder is where XDG says, else in a home, never in the folder a command is called in', () => {
  expect(defaultStateFolder({ XDG_STATE_HOME: '/xdg' }, '/home/me')).toBe(join('/xdg', 'modelswarm'))
  expect(defaultStateFolder({ XDG_STATE_HOME: 'relative' }, '/home/me')).toBe(join('/home/me', '.local', 'state', 'modelswarm'))
  expect(defaultStateFolder({}, '')).toBe(join(userInfo().homedir, '.local', 'state', 'modelswarm'))
})
