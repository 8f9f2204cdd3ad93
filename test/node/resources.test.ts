import { describe, expect, it } from 'vitest'
import { createNode } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { eventually, LOOPBACK, someFiles, target, writeFiles } from './nodes.ts'

/** What keeps the process alive, by kind; but for the test runner's own timers and files. */
function resources (): string[] {
  return process.getActiveResourcesInfo().filter(kind => !/^(Immediate|Timeout|FSReq)/.test(kind)).sort()
}

describe('stop', () => {
  it('leaves no handle of the node behind, after pulls that ended, were aborted, and found nobody (I8)', async () => {
    const files = await writeFiles(someFiles())
    const [state, otherState, out, nowhere, never] =
      [await tempFolder(), await tempFolder(), await target(), await target(), await target()]
    const before = resources()
    const publisher = await createNode({ dir: state, listen: [LOOPBACK] })
    const puller = await createNode({ dir: otherState, listen: [LOOPBACK] })
    const model = await publisher.publish(files)
    await puller.pull(model.link, out)
    await expect(puller.pull(model.root.replace(/...$/, 'aaa'), nowhere, { giveUpSeconds: 0.1 })).rejects.toThrow()
    const controller = new AbortController()
    const root = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
    const aborted = puller.pull(root, never, { peers: [...publisher.addrs], signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await Promise.all([puller.stop(), publisher.stop()])
    // a closed socket is gone one turn of the event loop later
    await eventually(() => resources().length <= before.length, `only ${before.join(', ')} is left`)
    expect(resources()).toEqual(before)
  })
})
