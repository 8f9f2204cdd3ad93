// README.md is compiled and run. What happens to a fenced block is said by its language and by a comment above it:
//
//   ```ts                                     is type-checked under the project's own strict settings
//   <!-- test: run --> before ```ts           is run too, in a folder that holds a model ./llama
//   <!-- test: run --> before ```sh           each line is run by the shell and must exit 0
//   <!-- test: terminal 1 --> before ```sh    is started and goes on; it must print a link
//   <!-- test: terminal 2 --> before ```sh    each line is run meanwhile, LINK standing for the link of terminal 1
//   <!-- test: shown in terminal 1 -->        before ```text: these lines must have come there, in this order and no
//                                             others between them; `…` is any text, and times may differ
//   other ```sh blocks                        every `npm run` script and `modelswarm` command in them must exist
//
// `modelswarm` is the built command line, kept on loopback; both terminals share one state folder, as a user's do.
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeModel } from '../examples/make-model.ts'

const run = promisify(execFile)
const project = fileURLToPath(new URL('..', import.meta.url))
const cli = join(project, 'dist/src/cli/main.js')
/** Inside the project, so that `modelswarm` means this package. */
const snippets = join(project, 'dist/readme')
const readme = await readFile(join(project, 'README.md'), 'utf8')

interface Block {
  language: string
  text: string
  marker: string | undefined
  line: number
}

function blocksOf (markdown: string): Block[] {
  const pattern = /(?:^<!-- test: ([^\n]*?) -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm
  return [...markdown.matchAll(pattern)].map(({ 1: marker, 2: language = '', 3: text = '', index }) =>
    ({ language, text, marker, line: markdown.slice(0, index).split('\n').length }))
}

const blocks = blocksOf(readme)
const typescript = blocks.filter(block => block.language === 'ts')
const shell = blocks.filter(block => block.language === 'sh')

function linesOf (block: Block): string[] {
  return block.text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'))
}

/** Where what README shows of a terminal and what came there differ, up to the last line that README shows. */
function differences (terminal: string, output: string): string[] {
  const shown = blocks.filter(block => block.marker === `shown in ${terminal}`).flatMap(linesOf)
  expect(shown.length).toBeGreaterThan(0)
  const left = output.split('\n').filter(line => line.trim() !== '')
  return shown.flatMap(line => {
    const words = line.replace(/[\^$\\.*+?()[\]{}|]/g, '\\$&').replaceAll('…', '.*').replace(/\d+\\\.\d s\b/g, '\\d+\\.\\d s')
    const at = left.findIndex(one => new RegExp(`^${words}$`).test(one))
    const before = left.splice(0, at + 1).slice(0, -1).map(other => `README does not show: ${other}`)
    return at === -1 ? [`did not come: ${line}`] : before
  })
}

let dir = ''
let env: NodeJS.ProcessEnv = {}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'modelswarm-readme-'))
  const bin = join(dir, 'bin')
  await mkdir(bin)
  await makeModel(join(dir, 'llama'), { sizeBytes: 4 * 1024 * 1024 })
  await writeFile(join(bin, 'modelswarm'), `#!/bin/sh
command=$1
shift
case $command in
  share | pull) exec "${process.execPath}" "${cli}" "$command" "$@" --listen /ip4/127.0.0.1/tcp/0 --no-mdns ;;
  *) exec "${process.execPath}" "${cli}" "$command" "$@" ;;
esac
`, { mode: 0o755 })
  env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, XDG_STATE_HOME: join(dir, 'xdg'), FORCE_COLOR: '0' }
})

afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
  await rm(snippets, { recursive: true, force: true })
})

describe('README.md', () => {
  it('has the blocks that this test is for', () => {
    expect(typescript.length).toBeGreaterThan(0)
    expect(typescript.some(block => block.marker === 'run')).toBe(true)
    expect(shell.map(block => block.marker)).toEqual(expect.arrayContaining(['terminal 1', 'terminal 2']))
  })

  it('names only scripts, commands and files that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
    for (const [, name = ''] of readme.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name)
    const { stdout: help } = await run(process.execPath, [cli, '--help'])
    for (const [, name = ''] of readme.matchAll(/[`\n]modelswarm ([a-z]+)/g)) expect(help).toMatch(new RegExp(`^  ${name} `, 'm'))
    for (const [, path = ''] of readme.matchAll(/\]\((\w[\w./-]*)\)/g)) await readFile(join(project, path))
    for (const [path] of readme.matchAll(/dist\/examples\/[\w-]+\.js/g)) await readFile(join(project, path))
  })

  it('names only options that exist', async () => {
    const commands = ['share', 'pull', 'inspect', 'verify', 'ls', 'rm']
    const helps = await Promise.all(commands.map(async name => (await run(process.execPath, [cli, name, '--help'])).stdout))
    const known = new Set(helps.flatMap(help => help.match(/--[a-z][a-z-]*/g) ?? []))
    const section = readme.slice(readme.indexOf('## On the command line'), readme.indexOf('## How it works'))
    for (const [option] of section.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) expect([...known]).toContain(option)
  })

  it('has TypeScript that compiles', async () => {
    const paths = await writeSnippets()
    const config = ts.readConfigFile(join(project, 'tsconfig.json'), path => ts.sys.readFile(path))
    const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, project)
    const emitting = { noEmit: false, declaration: false, rootDir: project, outDir: project }
    const program = ts.createProgram(paths, { ...options, ...emitting })
    const problems = ts.getPreEmitDiagnostics(program)
      .map(problem => `${problem.file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`)
    expect(problems).toEqual([])
    program.emit()
  })

  it.each(typescript.filter(block => block.marker === 'run').map(block => [block.line, block] as const))(
    'has TypeScript at line %d that runs', async (_line, block) => {
      const text = await readFile(snippetPath(block).replace(/ts$/, 'js'), 'utf8')
      expect(text).toContain('modelswarm')
      await run(process.execPath, [snippetPath(block).replace(/ts$/, 'js')], { cwd: dir, env })
    })

  it.each(shell.filter(block => block.marker === 'run').map(block => [block.line, block] as const))(
    'has commands at line %d that run', async (_line, block) => {
      for (const line of linesOf(block)) await run('sh', ['-c', line], { cwd: dir, env })
    })

  it('has a walk-through in two terminals that works', async () => {
    const [start] = shell.filter(block => block.marker === 'terminal 1').flatMap(linesOf)
    const lines = shell.filter(block => block.marker === 'terminal 2').flatMap(linesOf)
    const terminal = spawn('sh', ['-c', `exec ${start ?? 'false'}`], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = new Promise<number | null>(resolve => { terminal.once('close', resolve) })
    let output = ''
    try {
      const link = await new Promise<string>((resolve, reject) => {
        const read = (data: Buffer): void => {
          output += data.toString()
          const found = /^modelswarm:\S+$/m.exec(output)
          if (found !== null) resolve(found[0])
        }
        terminal.stdout.on('data', read)
        terminal.stderr.on('data', (data: Buffer) => { output += data.toString() })
        terminal.once('close', () => { reject(new Error(`No link in: ${output}`)) })
      })
      let second = ''
      for (const line of lines) {
        second += (await run('sh', ['-c', line.replaceAll('LINK', link)], { cwd: dir, env })).stdout
      }
      expect(differences('terminal 2', second)).toEqual([])
      for (const name of ['model.safetensors', 'config.json']) {
        const [before, after] = await Promise.all(['llama', 'copy'].map(async at => await readFile(join(dir, at, name))))
        expect(before !== undefined && after !== undefined && before.equals(after)).toBe(true)
      }
    } finally {
      terminal.kill('SIGTERM')
    }
    expect(await exited).toBe(0)
    expect(differences('terminal 1', output)).toEqual([])
  })
})

function snippetPath (block: Block): string {
  return join(snippets, `line-${block.line}.ts`)
}

async function writeSnippets (): Promise<string[]> {
  await rm(snippets, { recursive: true, force: true })
  const paths = typescript.map(snippetPath)
  await mkdir(dirname(paths[0] ?? snippets), { recursive: true })
  for (const block of typescript) await writeFile(snippetPath(block), block.text)
  return paths
}
