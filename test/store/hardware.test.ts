import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REMEMBERED_HARDWARE } from '../../src/machine-defaults.ts'
import { hardwareSeen } from '../../src/store/hardware.ts'
import { isSameMachine, machineToRecord, thisMachine } from '../../src/store/machine.ts'
import { tempFolder } from '../files/temp-folder.ts'
import type { Machine } from '../../src/store/machine.ts'

const CARD = '00:1b:21:aa:bb:cc'
const MADE_UP = '9e:10:20:30:40:50'
const OF_HYPERVISOR = '52:54:00:12:34:56'

interface Card {
  address: string
  isHardware?: boolean
  assigned?: 'burnt in' | 'random' | 'set'
  /** A wireless card's own address. */
  own?: string
}

/** A /sys and /proc with these network cards. */
async function linux (cards: Record<string, Card>, { uuid, release = '6.8.0-generic' }: { uuid?: string, release?: string } = {}) {
  const dir = await tempFolder()
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(join(dir, path, '..'), { recursive: true })
    await writeFile(join(dir, path), text)
  }
  for (const [name, { address, isHardware = true, assigned = 'burnt in', own }] of Object.entries(cards)) {
    await write(`sys/class/net/${name}/address`, `${address}\n`)
    await write(`sys/class/net/${name}/addr_assign_type`, `${{ 'burnt in': 0, random: 1, set: 3 }[assigned]}\n`)
    if (own !== undefined) await write(`sys/class/net/${name}/phy80211/macaddress`, `${own}\n`)
    if (isHardware) await write(`sys/class/net/${name}/device/uevent`, '')
  }
  if (uuid !== undefined) await write('sys/class/dmi/id/product_uuid', `${uuid}\n`)
  await write('proc/sys/kernel/osrelease', release)
  return { platform: 'linux', sys: join(dir, 'sys'), proc: join(dir, 'proc') } as const
}

describe('hardwareSeen on Linux', () => {
  it('has cards with a device and the board, and no bridge, veth or loopback', async () => {
    expect(hardwareSeen(await linux({
      lo: { address: '00:00:00:00:00:00', isHardware: false },
      docker0: { address: '02:42:ac:11:00:02', isHardware: false },
      br0: { address: '00:1b:21:00:00:01', isHardware: false },
      eth0: { address: CARD.toUpperCase() }
    }, { uuid: '4C4C4544-0042-3510-8052-B4C04F4E3332' }))).toEqual([`mac ${CARD}`, 'board 4c4c4544-0042-3510-8052-b4c04f4e3332'])
  })

  it('leaves addresses out that are locally administered, where there are others', async () => {
    const tap: Card = { address: OF_HYPERVISOR }
    expect(hardwareSeen(await linux({ eth0: { address: CARD }, tap }))).toEqual([`mac ${CARD}`])
    expect(hardwareSeen(await linux({ tap }))).toEqual([`mac ${OF_HYPERVISOR}`])
  })

  it('never has an address that was made up, but one that was put back', async () => {
    const wlan0: Card = { address: MADE_UP, assigned: 'set' }
    expect(hardwareSeen(await linux({ wlan0, usb0: { address: MADE_UP, assigned: 'random' } }))).toEqual([])
    expect(hardwareSeen(await linux({ wlan0: { address: CARD, assigned: 'set' } }))).toEqual([`mac ${CARD}`])
  })

  it.each(['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', '03000200-0400-0500-0006-000700080009',
    '12345678-1234-5678-90AB-CDDEEFAABBCC', 'Not Settable'])(
    'does not take %s for a board of its own', async uuid => {
      expect(hardwareSeen(await linux({}, { uuid }))).toEqual([])
    })

  it('has a wireless card by its own address, whichever it goes by', async () => {
    for (const [address, assigned] of [[MADE_UP, 'set'], [CARD, 'burnt in']] as const) {
      expect(hardwareSeen(await linux({ wlan0: { address, assigned, own: CARD } }))).toEqual([`mac ${CARD}`])
    }
  })

  it('does not take a wireless card whose driver made an address up for hardware', async () => {
    for (const assigned of ['random', 'set'] as const) {
      expect(hardwareSeen(await linux({ wlan0: { address: MADE_UP, assigned, own: MADE_UP } }))).toEqual([])
    }
  })

  it('passes over what is no address: a folder in its place, all bits set', async () => {
    const place = await linux({ eth0: { address: CARD }, eth1: { address: 'ff:ff:ff:ff:ff:ff' } })
    await mkdir(join(place.sys, 'class/net/eth2/device'), { recursive: true })
    await mkdir(join(place.sys, 'class/net/eth2/address'))
    expect(hardwareSeen(place)).toEqual([`mac ${CARD}`])
  })

  it('sees nothing in WSL 2, whose card has another address at each start, nor where there is no /sys', async () => {
    expect(hardwareSeen(await linux({ eth0: { address: CARD } }, { release: '5.15.79.1-microsoft-standard-WSL2' }))).toEqual([])
    expect(hardwareSeen(await linux({}))).toEqual([])
  })
})

describe('hardwareSeen elsewhere', () => {
  it('has the cards that makers gave an address', () => {
    const card = { address: '', netmask: '', family: 'IPv4', cidr: null, internal: false } as const
    const interfaces = {
      lo0: [{ ...card, mac: '00:1b:21:00:00:09', internal: true }],
      en0: [{ ...card, mac: CARD }, { ...card, mac: CARD }],
      awdl0: [{ ...card, mac: MADE_UP }]
    }
    expect(hardwareSeen({ platform: 'darwin', interfaces })).toEqual([`mac ${CARD}`])
  })
})

describe('machineToRecord', () => {
  const machine = (...hardware: string[]): Machine => ({ id: 'm', hardware })

  it('keeps hardware that is out of sight, of the same machine alone, and not without end', () => {
    let recorded = machine('card', 'dock A')
    recorded = machineToRecord(recorded, machine('card', 'dock B'))
    for (const seen of ['dock A', 'dock B', 'card']) expect(isSameMachine(recorded, machine(seen))).toBe(true)
    expect(machineToRecord(recorded, machine('dock A'))).toBe(recorded)
    expect(machineToRecord(recorded, machine())).toBe(recorded)
    expect(machineToRecord(recorded, machine('other'))).toEqual(machine('other'))
    expect(machineToRecord(recorded, { id: 'n', hardware: ['card'] })).toEqual({ id: 'n', hardware: ['card'] })
    for (let i = 0; i < 100; i++) recorded = machineToRecord(recorded, machine('card', `dock ${i}`))
    expect(recorded.hardware.slice(0, 2)).toEqual(['card', 'dock 99'])
    expect(recorded.hardware).toHaveLength(REMEMBERED_HARDWARE)
  })
})

describe('thisMachine', () => {
  it('is the same each time, and shows no address', () => {
    const machine = thisMachine()
    expect(thisMachine()).toEqual(machine)
    for (const hash of [machine.id, ...machine.hardware]) expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })
})
