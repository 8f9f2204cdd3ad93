import { onTestFinished } from 'vitest'
import { openStore } from '../../src/store/open-store.ts'
import { tempFolder } from '../files/temp-folder.ts'
import type { HeldParts } from '../../src/store/held.ts'
import type { Store } from '../../src/store/open-store.ts'

/** A store in a fresh folder, or in this one, closed when the test is over. */
export async function tempStore (dir?: string, parts: HeldParts = {}): Promise<Store> {
  const store = await openStore(dir ?? await tempFolder(), parts)
  onTestFinished(async () => { await store.close() })
  return store
}
