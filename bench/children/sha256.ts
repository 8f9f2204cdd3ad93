// The baseline of hashing: sha2-256 over a file's bytes in one thread, with as little around it as Node allows.
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { answer } from './answer.ts'

/** Large enough that calls cost nothing, small enough to stay in the second-level cache. */
const READ_BYTES = 1024 * 1024

answer({
  /** `seconds` from opening the file to its digest; `hashSeconds` of them hashing, without reading. */
  hash: async asked => {
    const start = performance.now()
    const buffer = new Uint8Array(READ_BYTES)
    const hash = createHash('sha256')
    const file = openSync(asked.text('path'), 'r')
    let bytes = 0
    let hashMs = 0
    for (;;) {
      const count = readSync(file, buffer)
      if (count === 0) break
      const before = performance.now()
      hash.update(count === READ_BYTES ? buffer : buffer.subarray(0, count))
      hashMs += performance.now() - before
      bytes += count
    }
    closeSync(file)
    hash.digest()
    return { bytes, seconds: (performance.now() - start) / 1000, hashSeconds: hashMs / 1000 }
  }
})
