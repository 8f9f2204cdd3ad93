// Makes of the command line and all it imports a few files, in place of the hundreds that tsc and npm made: Node takes
// half a millisecond to find, open and link a module, and `modelswarm` has 680 of them. The library itself stays as it
// is, so that an application shares its packages with it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

/** They load native code from beside themselves. */
const LEFT_OUT = ['lmdb']

/**
 * @param cli folder of the command line as tsc made it; afterwards it holds main.js, chunks/, and the licences of the
 * packages in them
 */
export async function bundleCli (cli) {
  const bundling = await rolldown({
    input: join(cli, 'main.js'),
    platform: 'node',
    external: LEFT_OUT,
    onLog: (level, log, print) => {
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message)
      if (!log.id?.includes('node_modules')) print(level, log)
    }
  })
  const { output } = await bundling.generate({ format: 'esm', entryFileNames: 'main.js', chunkFileNames: 'chunks/[name].js' })
  await bundling.close()
  rmSync(cli, { recursive: true })
  mkdirSync(join(cli, 'chunks'), { recursive: true })
  for (const { fileName, code } of output) writeFileSync(join(cli, fileName), inAscii(code))
  writeFileSync(join(cli, 'LICENSES.txt'), licences(output.flatMap(chunk => chunk.moduleIds)))
}

/**
 * One dash in a comment makes V8 keep the whole file in two bytes a character, and read it slower: 20 to 30 ms of a
 * pull. An escape means the same in a text, a pattern, a name and a comment, but for what is refused here.
 */
function inAscii (code) {
  if (/\\\P{ASCII}|String\.raw`[^`]*\P{ASCII}/u.test(code)) throw new Error('A character cannot be escaped where it stands')
  return code.replace(/\P{ASCII}/gu, char => char.split('').map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''))
}

/** What each package in the bundle asks to be kept with it. */
function licences (moduleIds) {
  const folders = new Set(moduleIds.flatMap(id => /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/.exec(id)?.[1] ?? []))
  return [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const texts = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
      .map(file => readFileSync(join(folder, file), 'utf8').trim())
    return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`
  }).join(`\n${'-'.repeat(80)}\n\n`)
}
