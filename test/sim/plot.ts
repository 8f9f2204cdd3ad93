// Line plots as SVG text: panels one under the other on a common x axis. Colours come from a style sheet inside the
// file, with a background of its own, so that it can be read on light and dark pages alike.

export interface Point { readonly x: number, readonly y: number }

export interface Series {
  readonly label: string
  /** Lines drawn alike: the same thing in several runs. */
  readonly lines: ReadonlyArray<readonly Point[]>
}

export interface Panel {
  /** What the y axis shows, with its unit. */
  readonly yLabel: string
  /** Upper end of the y axis; default: what the points need. */
  readonly yMost?: number
  readonly formatY: (y: number) => string
  readonly series: readonly Series[]
}

export interface PlotOptions {
  readonly title: string
  readonly xLabel: string
  /** Upright lines through all panels. */
  readonly marks: ReadonlyArray<{ readonly x: number, readonly label: string }>
  readonly panels: readonly Panel[]
}

const WIDTH = 760
const LEFT = 64
const RIGHT = 16
const TOP = 44
const PANEL = 220
const LEGEND = 26
const GAP = 22
const BOTTOM = 46

const STYLE = `
    svg { --paper: #ffffff; --ink: #24292f; --faint: #d8dee4; --one: #0969da; --two: #bc4c00; --mark: #6e7781 }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #161b22; --ink: #e6edf3; --faint: #30363d; --one: #58a6ff; --two: #f0883e; --mark: #9198a1 }
    }
    text { font: 12px system-ui, sans-serif; fill: var(--ink) }
    .title { font-size: 15px; font-weight: 600 }
    .paper { fill: var(--paper) }
    .grid { stroke: var(--faint) }
    .axis { stroke: var(--ink) }
    .mark { stroke: var(--mark); stroke-dasharray: 2 4 }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round }
    .s0 { stroke: var(--one) }
    .s1 { stroke: var(--two); stroke-dasharray: 7 4 }`

/** Draws the panels; every number is rounded to a tenth of a pixel, so the same input gives the same file. */
export function plot (options: PlotOptions): string {
  const { panels, title, marks } = options
  const height = TOP + panels.length * (PANEL + LEGEND) + (panels.length - 1) * GAP + BOTTOM
  const points = panels.flatMap(({ series }) => series.flatMap(({ lines }) => lines.flat()))
  const xTicks = ticks(Math.max(1e-9, ...points.map(({ x }) => x), ...marks.map(({ x }) => x)))
  const xMost = xTicks.at(-1) ?? 1
  const parts = panels.map((panel, i) => {
    const isLast = i === panels.length - 1
    const top = TOP + LEGEND + i * (PANEL + LEGEND + GAP)
    return drawPanel(panel, top, { xTicks, xMost, isLast, options, isFirst: i === 0 })
  })
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">
  <title>${escaped(title)}</title>
  <style>${STYLE}
  </style>
  <rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>
  <text class="title" x="${LEFT}" y="28">${escaped(title)}</text>
${parts.join('\n')}
  <text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${height - 10}" text-anchor="middle">${escaped(options.xLabel)}</text>
</svg>
`
}

interface Frame { xTicks: readonly number[], xMost: number, isFirst: boolean, isLast: boolean, options: PlotOptions }

function drawPanel (panel: Panel, top: number, { xTicks, xMost, isFirst, isLast, options }: Frame): string {
  const values = panel.series.flatMap(({ lines }) => lines.flat().map(({ y }) => y))
  const yTicks = ticks(panel.yMost ?? Math.max(1e-9, ...values))
  const yMost = yTicks.at(-1) ?? 1
  const bottom = top + PANEL
  const at = (x: number): string => px(LEFT + x / xMost * (WIDTH - LEFT - RIGHT))
  const up = (y: number): string => px(bottom - Math.min(y, yMost) / yMost * PANEL)
  const lines: string[] = []
  for (const y of yTicks) {
    lines.push(flat(y === 0 ? 'axis' : 'grid', LEFT, WIDTH - RIGHT, up(y)))
    lines.push(`<text x="${LEFT - 8}" y="${up(y)}" dy="4" text-anchor="end">${escaped(panel.formatY(y))}</text>`)
  }
  for (const x of xTicks) {
    if (x > 0) lines.push(upright('grid', at(x), top, bottom))
    if (isLast) lines.push(`<text x="${at(x)}" y="${bottom + 18}" text-anchor="middle">${shortNumber(x)}</text>`)
  }
  lines.push(upright('axis', px(LEFT), top, bottom))
  const middle = px(top + PANEL / 2)
  const turned = `text-anchor="middle" transform="rotate(-90 16 ${middle})"`
  lines.push(`<text x="16" y="${middle}" ${turned}>${escaped(panel.yLabel)}</text>`)
  for (const { x, label } of options.marks) {
    lines.push(upright('mark', at(x), top, bottom))
    // On the side where there is more room.
    const side = x > xMost / 2 ? 'dx="-6" text-anchor="end"' : 'dx="6"'
    if (isFirst) lines.push(`<text x="${at(x)}" ${side} y="${bottom - 8}">${escaped(label)}</text>`)
  }
  panel.series.forEach((series, i) => {
    for (const points of series.lines) {
      lines.push(`<polyline class="line s${i}" points="${points.map(({ x, y }) => `${at(x)},${up(y)}`).join(' ')}"/>`)
    }
    const x = LEFT + i * 230
    lines.push(flat(`line s${i}`, x, x + 26, px(top - 12)))
    lines.push(`<text x="${x + 32}" y="${top - 8}">${escaped(series.label)}</text>`)
  })
  return lines.map(line => `  ${line}`).join('\n')
}

/** Round numbers from 0 on, about five steps, the last at or above `most`. */
export function ticks (most: number): number[] {
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5].find(factor => factor * power >= rough * 0.999) ?? 10)
  const count = Math.ceil(most / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

export function shortNumber (value: number): string {
  return String(Number(value.toPrecision(4)))
}

function flat (kind: string, from: number, to: number, y: string): string {
  return `<line class="${kind}" x1="${from}" x2="${to}" y1="${y}" y2="${y}"/>`
}

function upright (kind: string, x: string, top: number, bottom: number): string {
  return `<line class="${kind}" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>`
}

function px (value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
