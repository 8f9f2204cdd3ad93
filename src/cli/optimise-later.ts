import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 look longer at a function before it optimises it. Node 20's takes what has run 66 KiB of bytecode, which in a
 * short pull is most of libp2p, each function on the way to being thrown away again: a pull of 64 MiB spent 0.1 CPU
 * seconds less at either end, one of 1 GiB 0.2 of 2.8. Later versions count calls and wait long enough by themselves.
 */
export function optimiseLater (v8Version: string = process.versions.v8): void {
  if (v8Version.startsWith('11.')) setFlagsFromString('--interrupt-budget=1000000')
}
