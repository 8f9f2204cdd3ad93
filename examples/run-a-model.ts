// Publishes a folder with silero_vad.onnx from one node, pulls it with another, and runs what arrived: does this
// sound like speech?
//
//   node dist/examples/run-a-model.js FOLDER
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNode } from 'modelswarm'
import { InferenceSession, Tensor } from 'onnxruntime-web'
import { LOOPBACK, runExample, withTempFolder } from './arguments.ts'

const SAMPLE_RATE = 16_000
/** The model hears 64 samples of context and 512 new ones at a time. */
const WINDOW_SAMPLES = 576
/** Pitch of the test sound, a rough vowel. */
const PITCH_HZ = 140

await runExample(async () => {
  const folder = process.argv[2]
  if (folder === undefined) throw new Error('Say where silero_vad.onnx is: node dist/examples/run-a-model.js FOLDER')
  await withTempFolder(async dir => {
    const publisher = await createNode({ dir: join(dir, 'publisher'), listen: LOOPBACK })
    const puller = await createNode({ dir: join(dir, 'puller'), listen: LOOPBACK })
    try {
      const { link } = await publisher.publish(folder)
      const pulled = await puller.pull(link, join(dir, 'vad'), { include: ['silero_vad.onnx'] })
      console.log(`pulled ${pulled.bytes} bytes in ${pulled.seconds.toFixed(2)} s`)

      const session = await InferenceSession.create(await readFile(join(pulled.dir, 'silero_vad.onnx')))
      console.log(`speech probability of silence: ${(await listen(session, () => 0)).toFixed(3)}`)
      console.log(`speech probability of a vowel: ${(await listen(session, vowel)).toFixed(3)}`)
      await session.release()
    } finally {
      await puller.stop()
      await publisher.stop()
    }
  })
})

/** Runs the model once over a sound, given as a function of time in seconds. */
async function listen (session: InferenceSession, sound: (seconds: number) => number): Promise<number> {
  const samples = Float32Array.from({ length: WINDOW_SAMPLES }, (_, i) => sound(i / SAMPLE_RATE))
  const outputs = await session.run({
    input: new Tensor('float32', samples, [1, WINDOW_SAMPLES]),
    state: new Tensor('float32', new Float32Array(2 * 128), [2, 1, 128]),
    sr: new Tensor('int64', BigInt64Array.from([BigInt(SAMPLE_RATE)]), [])
  })
  const probability = outputs['output']?.data[0]
  if (typeof probability !== 'number') throw new Error('The model gave no probability')
  return probability
}

/** A buzz with the first formants of an open vowel. */
function vowel (seconds: number): number {
  let sum = 0
  for (let harmonic = 1; harmonic <= 20; harmonic++) {
    const hz = harmonic * PITCH_HZ
    const loudness = 1 / (1 + ((hz - 700) / 200) ** 2) + 0.5 / (1 + ((hz - 1200) / 200) ** 2)
    sum += loudness * Math.sin(2 * Math.PI * hz * seconds)
  }
  return sum / 8
}
