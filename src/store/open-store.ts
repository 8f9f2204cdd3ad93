import { NO_FILE, sameIdentity } from '../files/file-identity.ts'
import { openDatabase } from './open-database.ts'
import { Held } from './held.ts'
import { Models } from './models.ts'
import { Places } from './places.ts'
import { TreeNodes } from './tree-nodes.ts'
import type { FileIdentity } from '../files/file-identity.ts'
import type { StateDatabase } from './database.ts'
import type { HeldParts } from './held.ts'

/** What this machine knows, in a state folder that any number of processes share. */
export interface Store {
  readonly nodes: TreeNodes
  readonly places: Places
  readonly models: Models
  readonly held: Held
  /**
   * Forgets a root: its records, and the places of files that no other model has. Tree nodes stay: models share them.
   */
  forget: (root: string) => Promise<void>
  /**
   * The bytes of a file are not what was indexed with this identity: no model counts it as held, nothing is copied from
   * it, and who publishes it reads it again. Until it is pulled or published again, or `verify` finds it good.
   */
  disbelieve: (absolute: string, identity: FileIdentity) => Promise<void>
  /** Waits for writes under way, then closes. Twice is fine. */
  close: () => Promise<void>
}

/**
 * Opens the state folder, made when it is not there.
 *
 * @throws ModelswarmError ERR_STATE_VERSION, ERR_STATE_DAMAGED, ERR_PATH_KIND, ERR_PATH_PERMISSION, ERR_NO_SPACE,
 *   ERR_DISK
 */
export async function openStore (dir: string, parts: HeldParts = {}): Promise<Store> {
  const database = await openDatabase(dir)
  try {
    return storeOf(database, parts)
  } catch (err) {
    await database.close()
    throw err
  }
}

function storeOf (database: StateDatabase, parts: HeldParts): Store {
  const models = new Models(database)
  const places = new Places(database)
  const held = new Held(database, parts)
  return {
    nodes: new TreeNodes(database),
    places,
    models,
    held,
    forget: async root => {
      // Its record last: what a full disk or a kill breaks off can be asked for again.
      const files = models.get(root).flatMap(record => record.files)
      const others = models.list().filter(record => record.root !== root)
      const kept = new Set(others.flatMap(record => record.files.map(file => file.absolute)))
      for (const { absolute } of files) if (!kept.has(absolute)) await places.dropPath(absolute)
      await held.forget(root)
      await models.delete(root)
    },
    disbelieve: async (absolute, identity) => {
      for (const file of places.filesAt(absolute)) {
        if (sameIdentity(file.identity, identity)) await places.dropFile(file.fileId)
      }
      await models.setIdentity(NO_FILE, file => file.absolute === absolute && sameIdentity(file.identity, identity))
    },
    close: async () => { await database.close() }
  }
}
