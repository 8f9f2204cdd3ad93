import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { tempFolder } from '../files/temp-folder.ts'

it('a process that exits while transactions are under way ends, with its own exit code', async () => {
  const source = (name: string): string => JSON.stringify(new URL(`../../dist/src/${name}.js`, import.meta.url).href)
  const program = `
    await import(${source('polyfill')})
    const { openDatabase } = await import(${source('store/open-database')})
    const database = await openDatabase(process.argv[1])
    const table = database.table('t')
    let committed = 0
    const write = async () => {
      for (;;) {
        await database.exclusively(() => { table.put(Uint8Array.of(1), new Uint8Array(2000)) })
        if (++committed === 50) process.exit(7)
      }
    }
    for (let i = 0; i < 4; i++) write()`
  const ends = await Promise.all(Array.from({ length: 8 }, async () => {
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program, join(await tempFolder(), 's')],
      { timeout: 30_000, killSignal: 'SIGKILL' })
    return await run.then(() => 'code 0', (err: { code: unknown, signal: unknown }) => `code ${String(err.code)}, signal ${String(err.signal)}`)
  }))
  expect(ends).toEqual(ends.map(() => 'code 7, signal null'))
})
