import { describe, expect, it, onTestFinished } from 'vitest'
import { createNode } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { eventually, LOOPBACK, someFiles, target, writeFiles } from './nodes.ts'
import { TimerWatch } from './timers.ts'

/**
 * What keeps the process alive, by kind; but for the test runner's own timers and files. Timers are looked at by who
 * made them: libp2p's AddressManager leaves one of a second, which nothing clears.
 */
function resources (): string[] {
  return process.getActiveResourcesInfo().filter(kind => !/^(Immediate|Timeout|FSReq)/.test(kind)).sort()
}

describe('stop', () => {
  it('leaves no handle and no timer of the node behind, after pulls that ended, were aborted, and found nobody (I8)', async () => {
    const files = await writeFiles(someFiles())
    const [state, otherState, out, nowhere, never] =
      [await tempFolder(), await tempFolder(), await target(), await target(), await target()]
    const before = resources()
    const timers = new TimerWatch()
    onTestFinished(() => { timers.stop() })
    timers.start()
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
    expect(timers.left('src')).not.toEqual([])
    await Promise.all([puller.stop(), publisher.stop()])
    // async_hooks tells of the end of a timer in a turn of its own
    for (let turn = 0; turn < 2; turn++) await new Promise(resolve => { setImmediate(resolve) })
    expect(timers.left('src')).toEqual([])
    // a closed socket is gone one turn of the event loop later
    await eventually(() => resources().length <= before.length, `only ${before.join(', ')} is left`)
    expect(resources()).toEqual(before)
  })
})
