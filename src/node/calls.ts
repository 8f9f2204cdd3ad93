import { checkAddr } from './addresses.ts'
import {
  checkAbortSignal, checkFlag, checkFunction, checkGlobs, checkKeys, checkPath, checkSeconds, checkText, checkTexts
} from './options.ts'
import type { InspectOptions, LingerOptions, PublishOptions, PullOptions } from '../api.ts'

// What a node is called with, checked at the door: each throws TypeError or RangeError for a value of the wrong kind,
// and ModelswarmError ERR_BAD_OPTION for a text that cannot be what it is given as.

export function checkPublish (path: string, options: PublishOptions): void {
  checkPath('publish', 'path', path)
  checkKeys('publish', options, ['onProgress', 'signal'])
  checkFunction('publish', 'onProgress', options.onProgress)
  checkAbortSignal('publish', options.signal)
}

export function checkPull (link: string, dir: string, options: PullOptions): void {
  checkText('pull', 'link', link)
  checkPath('pull', 'dir', dir)
  checkKeys('pull', options, ['peers', 'include', 'force', 'giveUpSeconds', 'onProgress', 'signal'])
  checkPeers('pull', options.peers)
  checkGlobs('pull', 'include', options.include)
  checkFlag('pull', 'force', options.force)
  checkSeconds('pull', 'giveUpSeconds', options.giveUpSeconds)
  checkFunction('pull', 'onProgress', options.onProgress)
  checkAbortSignal('pull', options.signal)
}

export function checkLinger (root: string, options: LingerOptions): void {
  checkText('linger', 'root', root)
  checkKeys('linger', options, ['seconds', 'signal'])
  if (options.seconds === undefined) throw new TypeError('linger: seconds is missing; it is a number of seconds')
  checkSeconds('linger', 'seconds', options.seconds, true)
  checkAbortSignal('linger', options.signal)
}

export function checkInspect (linkOrRootOrPath: string, options: InspectOptions): void {
  checkPath('inspect', 'linkOrRootOrPath', linkOrRootOrPath)
  checkKeys('inspect', options, ['peers', 'giveUpSeconds', 'tensors', 'onNote', 'signal'])
  checkPeers('inspect', options.peers)
  checkSeconds('inspect', 'giveUpSeconds', options.giveUpSeconds)
  checkFlag('inspect', 'tensors', options.tensors)
  checkFunction('inspect', 'onNote', options.onNote)
  checkAbortSignal('inspect', options.signal)
}

function checkPeers (what: string, peers: readonly string[] = []): void {
  checkTexts(what, 'peers', peers)
  for (const addr of peers) checkAddr(addr)
}
