import { expect, test } from 'vitest'
import { type Key, KeyDecoder } from '../../src/terminal/key-decoder.ts'

/** A key as a test writes it: `ctrl-end`, `text:a`, `paste:...`. */
function written({ type, name, text, ctrl, meta, shift }: Key): string {
  if (type === 'paste') return `paste:${text}`
  if (text !== '') return `text:${text}`
  return `${ctrl ? 'ctrl-' : ''}${meta ? 'meta-' : ''}${shift ? 'shift-' : ''}${name}`
}

function decode(...pieces: (string | Uint8Array)[]): string[] {
  const decoder = new KeyDecoder()
  const keys = pieces.flatMap((piece) => decoder.write(typeof piece === 'string' ? Buffer.from(piece) : piece))
  return [...keys, ...decoder.flush()].map(written)
}

/** What the keys send: xterm, tmux and screen, the Linux console, rxvt, PuTTY, vt100 in application mode. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  home: ['\x1b[H', '\x1bOH', '\x1b[1~', '\x1b[7~'],
  end: ['\x1b[F', '\x1bOF', '\x1b[4~', '\x1b[8~'],
  insert: ['\x1b[2~'],
  delete: ['\x1b[3~'],
  pageup: ['\x1b[5~'],
  pagedown: ['\x1b[6~'],
  up: ['\x1b[A', '\x1bOA'],
  down: ['\x1b[B', '\x1bOB'],
  right: ['\x1b[C', '\x1bOC'],
  left: ['\x1b[D', '\x1bOD'],
  'ctrl-home': ['\x1b[1;5H', '\x1b[7^', '\x1b[1;5~'],
  'ctrl-end': ['\x1b[1;5F', '\x1b[8^', '\x1b[4;5~'],
  'shift-end': ['\x1b[1;2F', '\x1b[8$'],
  'ctrl-shift-end': ['\x1b[1;6F', '\x1b[8@'],
  'meta-end': ['\x1b[1;3F', '\x1b\x1b[F', '\x1b\x1b[4~'],
  'ctrl-delete': ['\x1b[3;5~', '\x1b[3^'],
  'ctrl-right': ['\x1b[1;5C', '\x1bOc', '\x1b[5C', '\x1bO5C', '\x1bO1;5C'],
  'ctrl-left': ['\x1b[1;5D', '\x1bOd', '\x1b[5D'],
  'meta-left': ['\x1b[1;3D', '\x1b\x1b[D', '\x1b\x1bOD', '\x1b[1;9D'],
  'shift-up': ['\x1b[1;2A', '\x1b[a'],
  'shift-tab': ['\x1b[Z'],
  f1: ['\x1bOP', '\x1b[11~', '\x1b[[A'],
  f12: ['\x1b[24~'],
  return: ['\r', '\x1bOM'],
  enter: ['\n'],
  'meta-return': ['\x1b\r', '\x1b[27;3;13~', '\x1b[13;3u'],
  tab: ['\t'],
  backspace: ['\x7f', '\b'],
  'meta-backspace': ['\x1b\x7f'],
  'ctrl-c': ['\x03', '\x1b[99;5u', '\x1b[27;5;99~'],
  'ctrl-_': ['\x1f'],
  'meta-b': ['\x1bb'],
  'meta-é': ['\x1bé'],
  escape: ['\x1b'],
  'meta-[': ['\x1b['],
  'text:5': ['5', '\x1bOu'],
}

test('the keys of every common terminal have one name each, whole or in pieces', () => {
  const found: Record<string, string[]> = {}
  for (const [name, sequences] of Object.entries(KEYS)) {
    found[name] = sequences.filter(
      (sequence) => decode(sequence).join() === name && decode(...sequence).join() === name,
    )
  }
  expect(found).toEqual(KEYS)
})

test('what a terminal tells of itself types nothing, and neither does what is no known key', () => {
  const told = [
    '\x1b[?62;22c',
    '\x1b[I',
    '\x1b[O',
    '\x1b[<0;10;10M',
    '\x1b]11;rgb:0000/0000/0000\x1b\\',
    '\x1b]0;title\x07',
    '\x1bP1+r544e\x1b\\',
    '\x1b[?2026;1$y',
    '\x1b[99~',
    '\x1b[57441u',
  ]
  for (const sequence of told) expect([sequence, decode(`${sequence}x`)]).toEqual([sequence, ['text:x']])
})

test('text comes character by character, whole however its bytes are cut', () => {
  const bytes = Buffer.from('aé✓👍 Ω')
  const whole = ['text:a', 'text:é', 'text:✓', 'text:👍', 'text: ', 'text:Ω']
  expect(decode(bytes)).toEqual(whole)
  expect(decode(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole)
})

test('bytes that are not UTF-8 never become U+FFFD, nor take their neighbours along', () => {
  expect(decode(Buffer.from('caf\xe9 1', 'latin1'))).toEqual([
    'text:c',
    'text:a',
    'text:f',
    'text:\udce9',
    'text: ',
    'text:1',
  ])
  expect(decode(Buffer.from([0xe9]))).toEqual(['text:\udce9'])
  expect(decode(Buffer.from([0xed, 0xa0, 0x80]))).toEqual(['text:\udced', 'text:\udca0', 'text:\udc80'])
  expect(decode('\ufffd')).toEqual(['text:\ufffd'])
  expect(decode(Buffer.from('\x1b[200~caf\xe9\x1b[201~', 'latin1'))).toEqual(['paste:caf\udce9'])
})

test('a paste is one, with whatever is in it, however it is cut', () => {
  const sent = '\x1b[200~one\r\ntwo\x1b[F\x1b[201 ~\rthree\x1b[201~x'
  const keys = ['paste:one\ntwo\x1b[F\x1b[201 ~\nthree', 'text:x']
  expect(decode(sent)).toEqual(keys)
  expect(decode(...sent)).toEqual(keys)
})

test('Ctrl-C ends a paste whose end got lost', () => {
  expect(decode('\x1b[200~rm -rf /', '\x03', 'a')).toEqual(['ctrl-c', 'text:a'])
})
