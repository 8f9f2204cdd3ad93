// Links: text that people paste from anywhere.
import { isModelswarmError } from '../../src/errors.ts'
import { cidOfDigest, DAG_PB_CODEC, RAW_CODEC } from '../../src/model/block-id.ts'
import { formatLink, parseLink } from '../../src/model/link.ts'
import type { Random } from '../random.ts'
import type { Decoder } from './decoder.ts'

const PIECES = [',', '=', '~', '~41', '~ZZ', 'name=', 'at=', 'id=', 'base=', 'origin=', 'modelswarm:', 'ipfs://', '/', '?', '#', '\n',
  '\u202e', 'at=/ip4/1.2.3.4/tcp/1', '__proto__=x', 'Qm', 'bafy', 'z', '\ud800']

/** UTF-8 of a link; whatever is accepted is a link again that leads to the same root. */
export const link: Decoder = {
  name: 'link',
  make: random => Buffer.from(anyLink(random)),
  bend: (bytes, random) => {
    const text = Buffer.from(bytes).toString()
    const at = random.below(text.length + 1)
    const end = random.chance(0.5) ? at : at + random.below(8)
    return Buffer.from(text.slice(0, at) + random.pick(PIECES) + text.slice(end))
  },
  decode: input => {
    const read = parseLink(Buffer.from(input).toString())
    const written = formatLink(read)
    if (written.length > 400) throw new Error('Writes a link of more than 400 characters')
    if (!parseLink(written).root.equals(read.root)) throw new Error('Leads elsewhere once written again')
  },
  isRefusal: err => isModelswarmError(err, 'ERR_BAD_LINK')
}

function anyLink (random: Random): string {
  const root = cidOfDigest(random.bytes(32), random.pick([RAW_CODEC, DAG_PB_CODEC]))
  switch (random.below(6)) {
    case 0: return root.toString()
    case 1: return `ipfs://${root}${random.chance(0.5) ? '/' : ''}`
    default: return formatLink({
      root,
      name: random.text('abc é,=~/', random.below(20)),
      peers: Array.from({ length: random.below(3) }, () => ({
        id: random.text('123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdef', 52),
        addrs: Array.from({ length: random.below(3) }, () => `/ip4/10.0.0.${random.below(256)}/tcp/${random.below(65_536)}`)
      })),
      ...random.chance(0.3) && { base: cidOfDigest(random.bytes(32)) },
      ...random.chance(0.3) && { origins: ['https://models.example/a?b=c'] }
    })
  }
}
