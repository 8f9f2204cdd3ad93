// A model to play with: safetensors in bf16 with the tensor names and the distribution of weights of a LLaMA, beside a
// config.json. The same size and seed give the same bytes. Used by the demo, the other examples and the bench.
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const MIB = 1024 * 1024
const BF16_BYTES = 2
const TABLE_SIZE = 1 << 16
const WRITE_WEIGHTS = MIB
/** Weights of a trained transformer are about this wide around zero; norms lie around one. */
const WEIGHT_DEVIATION = 0.02
const NORM_DEVIATION = 0.05

export interface MakeModelOptions {
  /** About so large. Default: 64 MiB. */
  sizeBytes?: number
  seed?: number
}

export interface MadeModel {
  dir: string
  /** Bytes of all files. */
  bytes: number
  tensors: number
}

interface Tensor {
  name: string
  shape: number[]
  isNorm: boolean
}

/** Writes `model.safetensors` and `config.json` into a folder, which is made when it is missing. */
export async function makeModel (dir: string, options: MakeModelOptions = {}): Promise<MadeModel> {
  const { sizeBytes = 64 * MIB, seed = 1 } = options
  const shape = shapeFor(sizeBytes)
  const tensors = listTensors(shape)
  const header = encodeHeader(tensors)
  await mkdir(dir, { recursive: true })
  const file = await open(join(dir, 'model.safetensors'), 'w')
  let bytes = header.byteLength
  try {
    await file.writeFile(header)
    const weights = new WeightSource(seed)
    for (const tensor of tensors) {
      for (let left = weightsOf(tensor); left > 0; left -= WRITE_WEIGHTS) {
        const chunk = weights.take(Math.min(left, WRITE_WEIGHTS), tensor.isNorm)
        await file.writeFile(chunk)
        bytes += chunk.byteLength
      }
    }
  } finally {
    await file.close()
  }
  const config = JSON.stringify({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: shape.hidden,
    intermediate_size: shape.inner,
    num_hidden_layers: shape.layers,
    vocab_size: shape.vocab,
    torch_dtype: 'bfloat16'
  }, null, 2) + '\n'
  await writeFile(join(dir, 'config.json'), config)
  return { dir, bytes: bytes + config.length, tensors: tensors.length }
}

interface Shape {
  hidden: number
  inner: number
  layers: number
  vocab: number
}

/** Proportions of a small LLaMA: wider when there is more room, as many layers as fit. */
function shapeFor (sizeBytes: number): Shape {
  const weights = sizeBytes / BF16_BYTES
  const hidden = [4096, 2048, 1024, 512, 256].find(width => weights >= 60 * width * width) ?? 64
  const inner = hidden * 3
  const vocab = Math.max(64, Math.min(32_000, Math.floor(weights / hidden / 10)))
  const perLayer = 4 * hidden * hidden + 3 * hidden * inner + 2 * hidden
  const layers = Math.max(1, Math.round((weights - 2 * vocab * hidden) / perLayer))
  return { hidden, inner, layers, vocab }
}

function listTensors ({ hidden, inner, layers, vocab }: Shape): Tensor[] {
  const matrix = (name: string, rows: number, columns: number): Tensor => ({ name: `${name}.weight`, shape: [rows, columns], isNorm: false })
  const norm = (name: string): Tensor => ({ name: `${name}.weight`, shape: [hidden], isNorm: true })
  const list = [matrix('model.embed_tokens', vocab, hidden)]
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'o_proj']) list.push(matrix(`${at}.self_attn.${part}`, hidden, hidden))
    list.push(matrix(`${at}.mlp.gate_proj`, inner, hidden), matrix(`${at}.mlp.up_proj`, inner, hidden))
    list.push(matrix(`${at}.mlp.down_proj`, hidden, inner))
    list.push(norm(`${at}.input_layernorm`), norm(`${at}.post_attention_layernorm`))
  }
  list.push(norm('model.norm'), matrix('lm_head', vocab, hidden))
  return list
}

function weightsOf (tensor: Tensor): number {
  return tensor.shape.reduce((product, side) => product * side, 1)
}

/** Safetensors 0.4: eight bytes of length, little-endian, then JSON, padded with spaces to a multiple of eight. */
function encodeHeader (tensors: readonly Tensor[]): Uint8Array {
  const entries: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  let offset = 0
  for (const tensor of tensors) {
    const end = offset + weightsOf(tensor) * BF16_BYTES
    entries[tensor.name] = { dtype: 'BF16', shape: tensor.shape, data_offsets: [offset, end] }
    offset = end
  }
  const json = JSON.stringify(entries)
  const padded = json.padEnd(Math.ceil(json.length / 8) * 8)
  const header = new Uint8Array(8 + padded.length)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded.length), true)
  header.set(new TextEncoder().encode(padded), 8)
  return header
}

/** Draws bf16 weights from tables of normal deviates: one look-up a weight, so 64 MiB take a fraction of a second. */
class WeightSource {
  readonly #matrix = new Uint16Array(TABLE_SIZE)
  readonly #norm = new Uint16Array(TABLE_SIZE)
  #state: number

  constructor (seed: number) {
    // xorshift stands still at zero
    this.#state = (Math.imul(seed, 0x9e3779b1) >>> 0) || 1
    for (let i = 0; i < TABLE_SIZE; i++) {
      const deviate = this.#normal()
      this.#matrix[i] = toBf16(WEIGHT_DEVIATION * deviate)
      this.#norm[i] = toBf16(1 + NORM_DEVIATION * deviate)
    }
  }

  take (count: number, isNorm: boolean): Uint8Array {
    const table = isNorm ? this.#norm : this.#matrix
    const weights = new Uint16Array(count)
    for (let i = 0; i < count; i++) weights[i] = table[this.#next() >>> 16] ?? 0
    return new Uint8Array(weights.buffer)
  }

  /** xorshift32 (Marsaglia 2003, triple 13, 17, 5). */
  #next (): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  /** Box-Muller; of each pair one deviate is enough here. */
  #normal (): number {
    const radius = Math.sqrt(-2 * Math.log((this.#next() + 1) / 2 ** 32))
    return radius * Math.cos(2 * Math.PI * this.#next() / 2 ** 32)
  }
}

const float32 = new Float32Array(1)
const bits32 = new Uint32Array(float32.buffer)

/** The upper half of a float32, rounded to nearest even. */
function toBf16 (value: number): number {
  float32[0] = value
  const bits = bits32[0] ?? 0
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}
