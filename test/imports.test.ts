// The import rules of the house: which way imports point, and who may name libp2p or Node's own modules.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

/** Layers from the bottom up; a file imports from its own layer and from those below. */
const LAYERS: ReadonlyArray<readonly string[]> = [
  ['api.ts', 'defaults.ts', 'errors.ts', 'events.ts', 'machine-defaults.ts', 'memory.ts', 'metrics.ts', 'polyfill.ts'],
  ['model/'],
  ['formats/', 'cut/', 'files/', 'store/', 'encoding/', 'wire/'],
  ['source/'],
  ['schedule/'],
  ['swarm/'],
  ['publish.ts', 'publish/', 'pull.ts', 'pull/', 'serve.ts', 'inspect.ts', 'inspect/'],
  ['node.ts', 'node/', 'collection.ts'],
  ['index.ts'],
  ['cli/']
]
const COMPOSITION = ['node.ts', 'node/', 'collection.ts']

const MAY_NAME_LIBP2P = ['wire/channel.ts', 'swarm/peer-record.ts', ...COMPOSITION]
const MAY_IMPORT_NODE_FS = ['files/', 'store/', 'cli/']
const MAY_IMPORT_NODE = [...MAY_IMPORT_NODE_FS, ...COMPOSITION]
const CLI_PACKAGES = ['commander', 'cli-progress', 'string-width']

interface Import {
  /** File that imports, relative to src. */
  file: string
  /** What it imports: relative to src for a file of ours, else the specifier. */
  target: string
  isOurs: boolean
  isTypeOnly: boolean
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map(path => path.replaceAll('\\', '/'))
  .filter(path => path.endsWith('.ts'))
const imports = files.flatMap(importsOf)

function importsOf (file: string): Import[] {
  // comments may talk about imports
  const text = readFileSync(join(SRC, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  const pattern = /^\s*(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm
  for (const match of text.matchAll(pattern)) {
    const specifier = match[2] ?? match[3] ?? ''
    const isOurs = specifier.startsWith('.')
    const target = isOurs ? normalize(join(dirname(file), specifier)).replaceAll('\\', '/') : specifier
    found.push({ file, target, isOurs, isTypeOnly: match[1] !== undefined })
  }
  return found
}

function isAmong (file: string, patterns: readonly string[]): boolean {
  return patterns.some(pattern => pattern.endsWith('/') ? file.startsWith(pattern) : file === pattern)
}

function layerOf (file: string): number {
  return LAYERS.findIndex(layer => isAmong(file, layer))
}

function faults (isFault: (one: Import) => boolean): string[] {
  return imports.filter(isFault).map(one => `${one.file} imports ${one.target}`)
}

describe('imports', () => {
  it('are found at all', () => {
    expect(imports.length).toBeGreaterThan(30)
    expect(imports).toContainEqual({ file: 'cli/main.ts', target: 'index.ts', isOurs: true, isTypeOnly: false })
  })

  it('are made by files that have a layer', () => {
    expect(files.filter(file => layerOf(file) < 0)).toEqual([])
  })

  it('point down or sideways, never up', () => {
    expect(faults(one => one.isOurs && layerOf(one.target) > layerOf(one.file))).toEqual([])
  })

  it('make no circle of folders', () => {
    const folderOf = (file: string): string => file.includes('/') ? file.slice(0, file.indexOf('/')) : file
    const graph = new Map<string, Set<string>>()
    for (const { file, target, isOurs } of imports) {
      const from = folderOf(file)
      if (!isOurs || from === folderOf(target)) continue
      graph.set(from, (graph.get(from) ?? new Set()).add(folderOf(target)))
    }
    const circles: string[] = []
    const walk = (at: string, way: string[]): void => {
      if (way.includes(at)) circles.push([...way.slice(way.indexOf(at)), at].join(' > '))
      else for (const next of graph.get(at) ?? []) walk(next, [...way, at])
    }
    for (const folder of graph.keys()) walk(folder, [])
    expect([...new Set(circles)]).toEqual([])
  })

  it('name libp2p only where a stream, a discovery or a node is made', () => {
    const isLibp2p = (name: string): boolean => /^(libp2p|@libp2p\/[^/]+|@chainsafe\/libp2p-[^/]+)(\/|$)/.test(name)
    const isTypeInApi = (one: Import): boolean =>
      one.file === 'api.ts' && one.isTypeOnly && one.target === '@libp2p/interface'
    expect(faults(one => isLibp2p(one.target) && !isAmong(one.file, MAY_NAME_LIBP2P) && !isTypeInApi(one))).toEqual([])
  })

  it('name Node\'s own modules only at the edges, and its file system only in three folders', () => {
    expect(faults(one => one.target.startsWith('node:') && !isAmong(one.file, MAY_IMPORT_NODE))).toEqual([])
    expect(faults(one => one.target.startsWith('node:fs') && !isAmong(one.file, MAY_IMPORT_NODE_FS))).toEqual([])
  })

  it('of the command line are index.ts, Node and what draws it', () => {
    const isAllowed = (one: Import): boolean => one.isOurs
      ? one.target === 'index.ts' || one.target.startsWith('cli/')
      : one.target.startsWith('node:') || CLI_PACKAGES.includes(one.target)
    expect(faults(one => one.file.startsWith('cli/') && !isAllowed(one))).toEqual([])
  })

  it('of ours end in .ts and name a file that is there', () => {
    expect(faults(one => one.isOurs && !files.includes(one.target) && !one.target.startsWith('wire/pb/'))).toEqual([])
  })
})

const INDEX = fileURLToPath(new URL('../dist/src/index.js', import.meta.url))

describe.skipIf(!existsSync(INDEX))('the library (skipped when dist is not built; npm run build)', () => {
  it('leaves no global and no listener at the process when it is imported', () => {
    const script = `
      const seen = () => [...Reflect.ownKeys(globalThis), ...process.eventNames()].map(String)
      const before = new Set(seen())
      await import(${JSON.stringify(pathToFileURL(INDEX).href)})
      console.log(JSON.stringify(seen().filter(name => !before.has(name))))`
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual([])
  })
})
