// Decodes inputs by their numbers, in a process that may be lost.
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { foreignDecoders } from '../fuzz/decoders.ts'
import { fuzz } from '../fuzz/decoder.ts'
import { stateDecoders } from '../fuzz/state.ts'
import { answer } from './answer.ts'
import type { Decoder } from '../fuzz/decoder.ts'

let decoders: Decoder[] = []

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

answer({
  start: async asked => {
    const dir = join(asked.text('dir'), String(process.pid))
    decoders = [...await foreignDecoders(asked.number('seed')), ...await stateDecoders(dir)]
    return {
      names: decoders.map(decoder => decoder.name).join(),
      oneIn: decoders.map(decoder => decoder.oneIn ?? 1).join()
    }
  },
  run: async asked => {
    const decoder = decoders.find(one => one.name === asked.text('name'))
    if (decoder === undefined) throw new Error('No such decoder')
    const { accepted, slowestMs } = await fuzz(decoder, {
      seed: asked.number('seed'), from: asked.number('from'), count: asked.number('count')
    })
    return { accepted, slowestMs }
  },
  memory: async () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return { bytes: heapUsed + external }
  }
})
