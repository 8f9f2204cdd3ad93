import { describe, expect, it } from 'vitest'
import { Tellers } from '../../src/swarm/tellers.ts'
import type { Told } from '../../src/swarm/tellers.ts'

interface Named extends Told {
  readonly name: string
}

const told = (name: string, ...tellers: string[]): Named => ({ name, tellers })
const names = (chosen: Named[]): string => chosen.map(({ name }) => name).join(' ')

describe('those who tell of peers', () => {
  it('take turns, and each one\'s peers keep their order', () => {
    const tellers = new Tellers()
    const all = [told('a1', 'a'), told('a2', 'a'), told('a3', 'a'), told('b1', 'b'), told('b2', 'b'), told('c1', 'c')]
    expect(names(tellers.choose(all, 10))).toBe('a1 b1 c1 a2 b2 a3')
  })

  it('keep their turns from one choice to the next: a newcomer is next', () => {
    const tellers = new Tellers()
    const talkative = Array.from({ length: 100 }, (_, i) => told(`a${i}`, 'a'))
    expect(names(tellers.choose(talkative, 2))).toBe('a0 a1')
    expect(names(tellers.choose([...talkative.slice(2), told('b0', 'b')], 2))).toBe('b0 a2')
  })

  it('share whom both tell of: it has the turn of whoever has waited longer, and takes that one alone', () => {
    const tellers = new Tellers()
    tellers.choose([told('a0', 'a')], 1)
    expect(names(tellers.choose([told('a1', 'a'), told('both', 'a', 'b'), told('b1', 'b')], 3))).toBe('both a1 b1')
  })

  it('choose none where there is room for none', () => {
    expect(new Tellers().choose([told('a', 'a')], -1)).toEqual([])
  })
})
