// Writes blocks of one byte and records them after each write, telling each record, until it is killed.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../../dist/src/store/open-store.js'
import { Bitfield } from '../../dist/src/model/bitfield.js'

const dir = process.argv[2]
const store = await openStore(dir)
const file = await open(join(dir, 'written'), 'w')
const held = new Bitfield(100_000)
for (let block = 0; block < held.length; block++) {
  await file.write(Buffer.alloc(1, 1), 0, 1, block)
  held.add(block)
  await store.held.record('r', '/t', { held, files: [] })
  process.stdout.write(`${held.count}\n`)
}
