import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelswarmError } from '../errors.ts'
import { onDisk, unlessAbsent } from '../files/disk-error.ts'
import { makeFolders } from '../files/make-folders.ts'
import { takeLock } from '../files/process-lock.ts'
import { IDENTITY_SLOTS } from '../machine-defaults.ts'
import { formatMachine, isSameMachine, machineToRecord, parseMachine, thisMachine } from './machine.ts'
import type { Machine } from './machine.ts'
import type { ProcessLock } from '../files/process-lock.ts'

//   <state>/identities/N/key       the private key, mode 0600
//                        machine   what tells the machine it was last used on from others (machine.ts)
//                        port      the last port listened on
//                        lock      held by the process that uses the slot

export interface IdentityParts {
  /** A new private key as bytes. */
  generateKey: () => Promise<Uint8Array>
  /** The peer id of a key; throws when the bytes are no key. */
  peerIdOf: (key: Uint8Array) => Promise<string> | string
  /** Slots with one of these peer ids are passed over. */
  avoidPeerIds?: readonly string[] | undefined
  /** Told in a sentence when a key was set aside. */
  onNote?: ((message: string) => void) | undefined
  /** Where this process runs. Default: thisMachine(). */
  machine?: Machine
}

/** The key that this process uses until it lets go of it. */
export interface Identity {
  readonly slot: number
  /** Private key as generateKey made it. */
  readonly key: Uint8Array
  readonly peerId: string
  /** The port last saved for this identity. */
  readonly port: number | undefined
  savePort: (port: number) => Promise<void>
  /** Gives the slot to whoever comes next. Twice is fine. */
  release: () => Promise<void>
}

/**
 * Takes the first identity of a state folder that no living process uses, making one where there is none. A key that
 * came here with a copied disk is set aside: two nodes must not share one.
 *
 * @throws ModelswarmError ERR_PATH_PERMISSION, ERR_NO_SPACE, ERR_DISK; ERR_SAME_IDENTITY when every slot is taken
 */
export async function takeIdentity (stateDir: string, parts: IdentityParts): Promise<Identity> {
  const machine = parts.machine ?? thisMachine()
  for (let slot = 0; slot < IDENTITY_SLOTS; slot++) {
    const dir = join(stateDir, 'identities', String(slot))
    await makeFolders(dir, { mode: 0o700 })
    const taken = await takeLock(join(dir, 'lock'))
    if ('busy' in taken) continue
    const opening = openSlot(dir, slot, { ...parts, machine, lock: taken.lock })
    const identity = await opening.catch(async (err: unknown) => {
      await taken.lock.release()
      throw err
    })
    if (parts.avoidPeerIds?.includes(identity.peerId) !== true) return identity
    await identity.release()
  }
  throw new ModelswarmError('ERR_SAME_IDENTITY',
    `Cannot take an identity in ${stateDir}: all ${IDENTITY_SLOTS} are in use; use another state folder`, { path: stateDir })
}

interface SlotParts extends IdentityParts {
  readonly machine: Machine
  readonly lock: ProcessLock
}

async function openSlot (dir: string, slot: number, parts: SlotParts): Promise<Identity> {
  const path = join(dir, 'key')
  const recorded = await readMachine(dir)
  if (recorded !== undefined && !isSameMachine(recorded, parts.machine) && await setAside(path, 'other-machine')) {
    parts.onNote?.(`The state folder comes from another machine, or all hardware of this one is new: its key in ${dir} was set aside and this node takes a new identity`)
    await onDisk('remove', dir, async () => { await rm(join(dir, 'port'), { force: true }) })
  }
  let key = await readBytes(path)
  let peerId = key === undefined ? undefined : await peerIdIn(key, parts)
  if (key !== undefined && peerId === undefined) {
    await setAside(path, 'unreadable')
    parts.onNote?.(`The key in ${dir} cannot be read: it was set aside and this node takes a new identity`)
  }
  if (key === undefined || peerId === undefined) {
    key = await parts.generateKey()
    peerId = await parts.peerIdOf(key)
    await writeWhole(path, key)
  }
  const toRecord = formatMachine(machineToRecord(recorded, parts.machine))
  if (recorded === undefined || formatMachine(recorded) !== toRecord) await writeWhole(join(dir, 'machine'), Buffer.from(toRecord))
  return {
    slot,
    key,
    peerId,
    port: toPort(await readText(join(dir, 'port'))),
    savePort: async port => { await writeWhole(join(dir, 'port'), Buffer.from(String(port))) },
    release: parts.lock.release
  }
}

async function readMachine (dir: string): Promise<Machine | undefined> {
  const text = await readText(join(dir, 'machine'))
  return text === undefined ? undefined : parseMachine(text)
}

async function peerIdIn (key: Uint8Array, parts: IdentityParts): Promise<string | undefined> {
  try {
    return await parts.peerIdOf(key)
  } catch (err) {
    // What the key decoder throws has no code of ours; a slot with an unreadable key heals with a new one.
    if (err instanceof Error) return undefined
    throw err
  }
}

/** Renames a key so that it is kept but not used; false when there is none. */
async function setAside (path: string, why: string): Promise<boolean> {
  return await onDisk('rename', path, async () => {
    return await unlessAbsent(async () => {
      await rename(path, `${path}.${why}-${Date.now()}`)
      return true
    }) ?? false
  })
}

/** Writes a file of mode 0600 so that it is there whole or not at all, also after a power cut. */
async function writeWhole (path: string, bytes: Uint8Array): Promise<void> {
  await onDisk('write', path, async () => {
    const draft = `${path}.new`
    await writeFile(draft, bytes, { mode: 0o600 })
    const file = await open(draft, 'r+')
    await file.sync().finally(async () => { await file.close() })
    await rename(draft, path)
  })
}

async function readBytes (path: string): Promise<Uint8Array | undefined> {
  return await onDisk('read', path, async () => await unlessAbsent(async () => await readFile(path)))
}

async function readText (path: string): Promise<string | undefined> {
  const bytes = await readBytes(path)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8').trim()
}

function toPort (text: string | undefined): number | undefined {
  const port = Number(text)
  return text !== undefined && Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined
}
