// PROTOCOL.md is read here: what it says of ids, values and limits is what the code has.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { TREE_LIMITS } from '../../src/model/tree-limits.ts'
import { WIRE_LIMITS } from '../../src/wire/limits.ts'
import * as protocol from '../../src/wire/protocol.ts'

const text = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')
const proto = readFileSync(new URL('../../src/wire/pb/messages.proto', import.meta.url), 'utf8')

/** The first two cells of the table whose head begins so: name in backticks, number. */
function tableOf (head: string): Record<string, number> {
  const start = text.indexOf(`\n${head}`)
  if (start < 0) throw new Error(`PROTOCOL.md has no table "${head}"`)
  const rows = text.slice(start + 1).split('\n\n')[0]?.split('\n').slice(2) ?? []
  return Object.fromEntries(rows.map(row => {
    const [, name = '', value = ''] = row.split('|').map(cell => cell.trim())
    return [name.replaceAll('`', ''), Number(value.replaceAll(',', ''))]
  }))
}

/** What messages.proto has: `Hello.proof` > 1, also `Frame.hello` > 1. */
function fieldsOfProto (): Map<string, number> {
  const fields = new Map<string, number>()
  for (const [, message = '', body = ''] of proto.matchAll(/message (\w+) \{([^}]*)\}/g)) {
    for (const [, field = '', number] of body.matchAll(/(\w+) = (\d+)/g)) fields.set(`${message}.${field}`, Number(number))
  }
  return fields
}

/** What the table of messages has, reserved fields included. */
function fieldsOfTable (): Map<string, number> {
  const fields = new Map<string, number>()
  const rows = text.slice(text.indexOf('| # | message |')).split('\n\n')[0]?.split('\n').slice(2) ?? []
  let message = ''
  for (const row of rows) {
    const [, number = '', name = '', cell = ''] = row.split('|').map(part => part.trim())
    if (name !== '') {
      message = name
      fields.set(`Frame.${name.toLowerCase()}`, Number(number))
    }
    for (const part of cell.replaceAll('*', '').split(', ')) {
      const [id = '', field = ''] = part.split(' ')
      fields.set(`${message}.${field}`, Number(id))
    }
  }
  return fields
}

describe('PROTOCOL.md', () => {
  it('has the limits of the wire', () => {
    expect(tableOf('| limit | value | of | past it |')).toEqual(WIRE_LIMITS)
  })

  it('has the limits of trees', () => {
    expect(tableOf('| limit | value | of |\n')).toEqual(TREE_LIMITS)
  })

  it('has the values of modes, reject reasons and bye reasons', () => {
    expect(tableOf('| mode |')).toEqual(protocol.Mode)
    expect(tableOf('| reject reason |')).toEqual(protocol.RejectReason)
    expect(tableOf('| bye reason |')).toEqual(protocol.ByeReason)
  })

  it('has the protocol ids', () => {
    const ids = [...text.matchAll(/\| `(\/modelswarm\/[^`]+)` \|/g)].map(match => match[1])
    expect(ids).toEqual([protocol.CONTROL_PROTOCOL, protocol.DATA_PROTOCOL])
  })

  it('has every message and field with its number', () => {
    const ours = fieldsOfProto()
    for (const field of ours.keys()) if (field.startsWith('OriginSpan.')) ours.delete(field)
    expect([...fieldsOfTable()].sort()).toEqual([...ours].sort())
  })

  it('is for a proto file without packed lists, which the decoder cannot read', () => {
    const lists = [...proto.matchAll(/repeated uint32 .*/g)].map(match => match[0])
    expect(lists.filter(line => !line.includes('[packed = false]'))).toEqual([])
  })
})
