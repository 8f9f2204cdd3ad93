// Builds src, examples and bench into dist, from scratch, so that no file of an earlier build stays behind; then makes a
// few files of the command line's many.
//
//   node scripts/build.mjs            always
//   node scripts/build.mjs --if-old   only when dist is missing, unfinished, or older than what it is made of
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCli } from './bundle.mjs'

const project = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(project, 'dist')
/** Written last, so that its age is that of the last build that went well. */
const stamp = join(dist, '.built')
const inputs = ['scripts', 'src', 'examples', 'bench', 'test/sim', 'test/hostile', 'tsconfig.json', 'tsconfig.build.json', 'package.json']

function changedMs (path) {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  // a folder's own time tells of files that were removed
  return Math.max(stats.mtimeMs, ...readdirSync(path).map(name => changedMs(join(path, name))))
}

const builtMs = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
const isFresh = builtMs > 0 && inputs.every(input => changedMs(join(project, input)) <= builtMs)
if (!isFresh || !process.argv.includes('--if-old')) {
  rmSync(dist, { recursive: true, force: true })
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const built = spawnSync(process.execPath, [tsc, '-p', join(project, 'tsconfig.build.json')], { stdio: 'inherit' })
  if (built.status === 0) {
    await bundleCli(join(dist, 'src/cli'))
    writeFileSync(stamp, '')
  } else {
    process.exitCode = built.status ?? 1
  }
}
