import { BlockFetch } from './inspect/block-fetch.ts'
import { describe } from './inspect/describe.ts'
import { HeaderTooLarge, headerReader } from './inspect/header-reader.ts'
import { FETCHED_HEADER_BYTES, FETCHED_HEADERS_BYTES } from './machine-defaults.ts'
import { shownText } from './model/shown-text.ts'
import { gaveUp } from './pull/gave-up.ts'
import { fetchTree } from './pull/tree.ts'
import { WaitNotes } from './pull/waiting.ts'
import { PullWatch } from './pull/watch.ts'
import type { Inspection } from './api.ts'
import type { Manifest } from './model/manifest.ts'
import type { PullState } from './pull/sources.ts'
import type { ServeParts } from './serve.ts'
import type { ModelRecordFile } from './store/models.ts'
import type { SwarmParts } from './swarm/ports.ts'
import type { Search } from './swarm/search.ts'
import type { Swarm } from './swarm/swarm.ts'

// inspect   link > find peers > tree > header of each weights file, here or from peers > tensor table > words

export interface InspectAtPeersParts extends Pick<ServeParts, 'store' | 'readers'>, SwarmParts {
  /** A swarm for this alone, that looks for peers. */
  swarm: Swarm
  search: Search
  /** The tree where it is here already. */
  manifest: Manifest | undefined
  /** Files of the model that lie on this machine. */
  files: readonly ModelRecordFile[]
  tensors: boolean
  giveUpSeconds: number
  /** Told what is waited for, and of which files no tensors are listed. */
  note: (message: string) => void
  signal: AbortSignal
}

/** Files named in one note; the others are counted. */
const NAMED = 3

/**
 * What a root holds, from its peers: the tree, and with `tensors` the headers of weights files, in memory. Without the
 * tree nothing can be told; of a file whose header does not come, or is too large, a note says that its tensors are
 * not listed.
 *
 * @throws ModelswarmError ERR_GAVE_UP, ERR_BAD_TREE and its kin, ERR_DISK; the signal's reason
 */
export async function inspectAtPeers (parts: InspectAtPeersParts): Promise<Inspection> {
  const { swarm, search, giveUpSeconds, signal, note } = parts
  let blocks: BlockFetch | undefined
  const state = (): PullState => ({ swarm, search, target: blocks })
  const waitNotes = new WaitNotes({ state, giveUpMs: giveUpSeconds * 1000, note })
  const watch = new PullWatch({
    clock: parts.clock,
    giveUpMs: giveUpSeconds * 1000,
    gaveUp: () => gaveUp(giveUpSeconds, state()),
    onLook: quietMs => { waitNotes.onLook(quietMs) },
    signal
  })
  const missing = new Missing()
  try {
    const manifest = parts.manifest ??
      await Promise.race([watch.failed, fetchTree(swarm.root, { ...parts, watch }, signal)])
    if (!parts.tensors) return await describe(manifest, parts)
    const fetching = blocks = new BlockFetch(manifest, { ...parts, watch })
    fetching.start()
    let leftBytes = FETCHED_HEADERS_BYTES
    const spend = (bytes: number): boolean => bytes <= leftBytes && (leftBytes -= bytes) >= 0
    const found = await describe(manifest, {
      ...parts,
      elsewhere: file => headerReader(manifest, file, {
        fetch: async block => await fetching.fetch(block),
        mostBytes: FETCHED_HEADER_BYTES,
        spend
      }),
      onMissing: (file, err) => { missing.add(file.path, err) }
    })
    missing.tell(note)
    return found
  } finally {
    swarm.stopPulling()
    watch.stop()
  }
}

/** The files of which no tensors can be listed, for one note a reason: there may be thousands. */
class Missing {
  readonly #paths = new Map<string, string[]>()

  add (path: string, err: Error): void {
    const reason = err instanceof HeaderTooLarge
      ? `its header is larger than the ${FETCHED_HEADER_BYTES / 2 ** 20} MiB that are fetched of one, or the ` +
        `${FETCHED_HEADERS_BYTES / 2 ** 20} MiB of all; pull the file to see them`
      : err.message
    const paths = this.#paths.get(reason)
    if (paths === undefined) this.#paths.set(reason, [path])
    else paths.push(path)
  }

  tell (note: (message: string) => void): void {
    for (const [reason, paths] of this.#paths) {
      const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : ''
      note(`No tensors listed of ${paths.slice(0, NAMED).map(path => shownText(path)).join(', ')}${more}: ${reason}`)
    }
  }
}
