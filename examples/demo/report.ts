const BYTES_PER_GB = 1e9
/** A model people know the size of, for what a run means beyond itself. */
const LARGE_MODEL_GB = 140
const LABEL_WIDTH = 22
const COLUMN_WIDTH = 14

export interface RunFacts {
  /** Bytes of the model. */
  bytes: number
  peers: number
  files: number
  /** From the first peer that was ready to ask to the last one that had everything. */
  seconds: number
  /** Payload that the publisher sent, and that the peers sent each other. */
  publisherBytes: number
  peerBytes: number
  pricePerGb: number
}

/** The end of the demo: what left the publisher, beside what a central server would have sent. */
export function formatReport (facts: RunFacts): string {
  const { bytes, peers, publisherBytes, peerBytes, pricePerGb, seconds } = facts
  const copies = bytes > 0 ? publisherBytes / bytes : 0
  const centralBytes = bytes * peers
  const price = (sent: number): string => formatMoney(sent / BYTES_PER_GB * pricePerGb)
  const largeSaved = LARGE_MODEL_GB * (peers - copies) * pricePerGb
  return [
    `${peers} of ${peers} peers have every byte after ${seconds.toFixed(1)} s; ` +
      `${facts.files} files checked by sha256, all the same`,
    '',
    row('', 'modelswarm', 'central'),
    row('publisher sent', formatMib(publisherBytes), formatMib(centralBytes)),
    row('copies', copies.toFixed(2), peers.toFixed(2)),
    row('between peers', formatMib(peerBytes), formatMib(0)),
    row(`at ${formatMoney(pricePerGb)} per GB`, price(publisherBytes), price(centralBytes)),
    '',
    largeSaved > 0
      ? `at this ratio ${LARGE_MODEL_GB} GB on ${peers} machines ` +
        `${formatMoney(LARGE_MODEL_GB * copies * pricePerGb)} instead of ${formatMoney(LARGE_MODEL_GB * peers * pricePerGb)}: ` +
        `${formatMoney(largeSaved)} saved each time`
      : 'nothing saved this time'
  ].map(line => line === '' ? '' : `  ${line}`).join('\n')
}

/** Mebibytes for people: `64.8 MiB`. */
export function formatMib (bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

function row (label: string, ours: string, central: string): string {
  return (label.padEnd(LABEL_WIDTH) + ours.padStart(COLUMN_WIDTH) + central.padStart(COLUMN_WIDTH)).trimEnd()
}

function formatMoney (dollars: number): string {
  return `$${dollars.toFixed(dollars < 1 && dollars > 0 && !isCents(dollars) ? 4 : 2)}`
}

function isCents (dollars: number): boolean {
  return Math.abs(dollars * 100 - Math.round(dollars * 100)) < 1e-9
}
