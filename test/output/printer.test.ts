import { expect, test } from 'vitest'
import { escapeText } from '../../src/safe-text.ts'
import { Printer } from '../../src/output/printer.ts'
import type { Change } from '../../src/store/driver/entry.ts'

const VALUE = `${'\u{1f600}é\u001b[31m\ta'.repeat(30_000)}x`
const ENTRY = {
  key: new Uint8Array([0x6b]),
  value: new Uint8Array(Buffer.from(VALUE)),
  revision: 1,
  expires: undefined,
}
const OPTIONS = {
  keyEncoding: 'utf8',
  valueEncoding: 'utf8',
  jsonValues: false,
  only: undefined,
  nul: false,
  exact: false,
  expiring: () => false,
} as const

/** What is written to a terminal, piece by piece. */
async function shown(
  format: 'raw' | 'jsonl' | 'pretty' | undefined,
  print: (printer: Printer) => Promise<void>,
): Promise<string[]> {
  const pieces: string[] = []
  const write = (data: string | Uint8Array): void => void pieces.push(Buffer.from(data as Uint8Array).toString())
  await print(
    new Printer(
      { isTTY: true, columns: () => 80, write, stream: () => process.stdout },
      { format, json: false, color: false },
    ),
  )
  return pieces
}

test('a long value reaches a terminal in parts, safe and whole', async () => {
  const pages = async function* (): AsyncGenerator<(typeof ENTRY)[], void, void> {
    yield [ENTRY]
  }
  const value = await shown(undefined, (printer) => printer.value(ENTRY, OPTIONS))
  const pretty = await shown('pretty', (printer) => printer.value(ENTRY, OPTIONS))
  const raw = await shown('raw', (printer) => printer.entries({ pages }, OPTIONS))
  for (const pieces of [value, pretty, raw]) {
    expect(pieces.join('')).toBe(`${escapeText(VALUE)}\n`)
    for (const piece of pieces) expect(piece.length).toBeLessThan(VALUE.length / 2)
  }
  const jsonl = await shown('jsonl', (printer) => printer.entries({ pages }, OPTIONS))
  expect(JSON.parse(jsonl.join(''))).toEqual({ key: 'k', value: VALUE })
  expect(jsonl.join('')).not.toContain('\u001b')
})

test('a long value of a change goes out in parts, the next when the reader has taken the one before', async () => {
  const taken: Buffer[] = []
  let isBusy = false
  const writeLater = async (data: Uint8Array): Promise<void> => {
    expect(isBusy).toBe(false)
    isBusy = true
    taken.push(Buffer.from(data))
    await new Promise(setImmediate)
    isBusy = false
  }
  const write = (): never => expect.fail('written at once')
  const printer = new Printer(
    { isTTY: false, columns: () => 80, write, writeLater, stream: () => process.stdout },
    { format: undefined, json: false, color: false },
  )
  const changes = async function* (): AsyncGenerator<Change[], void, void> {
    yield [
      { type: 'put', ...ENTRY, position: 'a-1' },
      { type: 'put', ...ENTRY, value: new Uint8Array(300_000).fill(0xff), position: 'a-2' },
    ]
  }
  await printer.changes(changes(), OPTIONS)
  const lines = Buffer.concat(taken).toString().trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { type: 'put', key: 'k', value: VALUE, position: 'a-1' },
    { type: 'put', key: 'k', value_base64: Buffer.alloc(300_000, 0xff).toString('base64'), position: 'a-2' },
  ])
  expect(taken.length).toBeGreaterThan(5)
})

test('an aborted watch does not wait for a reader who takes nothing', async () => {
  const stop = new AbortController()
  const writeLater = (): Promise<void> => {
    stop.abort()
    return new Promise(() => {})
  }
  const printer = new Printer(
    { isTTY: false, columns: () => 80, write: () => {}, writeLater, stream: () => process.stdout },
    { format: undefined, json: false, color: false },
  )
  const changes = async function* (): AsyncGenerator<Change[], void, void> {
    yield [{ type: 'put', ...ENTRY, position: 'a-1' }]
  }
  await expect(printer.changes(changes(), OPTIONS, stop.signal)).rejects.toMatchObject({ code: 'KV_INTERRUPTED' })
})
