const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
/** By hand: making an Intl.NumberFormat takes 10 ms of every command. */
const THOUSANDS = /\B(?=(\d{3})+$)/g

/** A size for people, in powers of 1024 with three significant digits: `0 B`, `999 B`, `1.00 GiB`. */
export function formatBytes (bytes: number): string {
  let value = bytes
  let unit = 0
  // 999.5 and not 1024: no number of four digits is ever shown
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? String(Math.round(value)) : threeDigits(value)} ${BYTE_UNITS[unit] ?? ''}`
}

/** A rate for people: `52.1 MiB/s`. */
export function formatRate (bytesPerSec: number): string {
  return `${formatBytes(bytesPerSec)}/s`
}

/** A duration for people: `0.8 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatSeconds (seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`
}

/** Time left for people, without decimals so that it does not flicker: `7 s`, `2 min 05 s`. */
export function formatTimeLeft (seconds: number): string {
  return seconds < 59.5 ? `${Math.max(1, Math.round(seconds))} s` : formatSeconds(seconds)
}

/** A share of a whole for people: `0 %`, `<1 %`, `62 %`, `>99 %`, `100 %`. Never rounds to 0 or 100 what is not. */
export function formatShare (part: number, whole: number): string {
  if (whole <= 0 || part <= 0) return '0 %'
  if (part >= whole) return '100 %'
  const percent = Math.round(part / whole * 100)
  if (percent === 0) return '<1 %'
  return percent === 100 ? '>99 %' : `${percent} %`
}

/** A count with its noun: `1 file`, `4,096 blocks`. */
export function formatCount (count: number, noun: string): string {
  return `${String(count).replace(THOUSANDS, ',')} ${noun}${count === 1 ? '' : 's'}`
}

/** A root short enough for a line of progress; never to be typed in again. */
export function shortRoot (root: string): string {
  return root.length <= 20 ? root : `${root.slice(0, 8)}…${root.slice(-6)}`
}

function threeDigits (value: number): string {
  if (value < 9.995) return value.toFixed(2)
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0)
}

function pad (value: number): string {
  return String(value).padStart(2, '0')
}
