import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodingOf, toUtf8 } from '../../src/load/encoding/encoding.ts'
import { contents, errorText, expectRun, givenStore, kv } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const [HAS_ICONV, HAS_PYTHON] = [hasProgram('iconv', 'libc-bin'), hasProgram('python3')]

/** The text of bytes in an encoding that come in pieces which end at `cuts`, and what was thrown after it. */
async function decoded(
  label: string,
  bytes: Uint8Array,
  cuts: readonly number[] = [],
): Promise<{ text: string; fault: string | undefined }> {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  const pieces = ends.map((end, n) => new Uint8Array(bytes.subarray(ends[n - 1] ?? 0, end)))
  const parts: Uint8Array[] = []
  try {
    for await (const part of toUtf8(pieces as unknown as AsyncIterable<Uint8Array>, encodingOf(label)!, 'in'))
      parts.push(part)
    return { text: Buffer.concat(parts).toString(), fault: undefined }
  } catch (error) {
    return { text: Buffer.concat(parts).toString(), fault: (error as Error).message }
  }
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 8 })

/** Encodings of a byte a character, by the names of Python where they differ. */
const SINGLE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16].map((part) => [`iso-8859-${part}`, `iso-8859-${part}`]),
  ),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => [`windows-125${n}`, `cp125${n}`])),
  ...{ ibm866: 'cp866', 'koi8-r': 'koi8-r', macintosh: 'mac-roman', 'x-mac-cyrillic': 'mac-cyrillic' },
  ...{ 'windows-874': 'cp874', 'koi8-u': 'koi8-u', latin1: 'cp1252', ascii: 'cp1252' },
}

/** Characters in which Python and the Encoding Standard differ. */
const DIFFERENT: Readonly<Record<string, readonly number[]>> = { 'koi8-u': [0xae, 0xbe], 'windows-1255': [0xca] }

describe('a byte a character', () => {
  test.runIf(HAS_PYTHON)('every byte means what Python says, also in this Node', async () => {
    const script = `
import json
print(json.dumps({name: [bytes([b]).decode(codec, 'replace') for b in range(256)] for name, codec in ${JSON.stringify(SINGLE)}.items()}))`
    const { stdout } = spawnSync('python3', ['-c', script], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    })
    for (const [name, characters] of Object.entries(JSON.parse(stdout) as Record<string, string[]>)) {
      // Bytes without a character are a matter of taste: browsers make control characters of most.
      const bytes = characters.flatMap((character, byte) =>
        character === '\ufffd' || DIFFERENT[name]?.includes(byte) ? [] : [byte],
      )
      const text = bytes.map((byte) => characters[byte]).join('')
      expect([name, await decoded(name, Uint8Array.from(bytes))]).toEqual([name, { text, fault: undefined }])
    }
  })

  test('latin1 is Windows-1252 as browsers have it: all 256 bytes mean something', async () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const { text, fault } = await decoded('latin1', all, [100, 140])
    expect(fault).toBeUndefined()
    expect([...text]).toHaveLength(256)
    expect(text.slice(0x7f, 0xa2)).toBe('\x7f€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ\xa0¡')
  })

  test('a byte without a character is refused, after what stands before it', async () => {
    const bytes = Buffer.from('abc\xaadef', 'latin1')
    for (const at of [[], [2], [3], [4]])
      expect(await decoded('windows-1253', bytes, at)).toEqual({ text: 'abc', fault: 'in: not windows-1253 at byte 4' })
  })
})

const words = fc.array(
  fc.oneof(
    fc.constantFrom('a', ' ', '\n', '\r\n', ',', '"', '\t', '日本語', '漢字', 'カタカナ', '中文', '。', '亜', '一'),
    fc.string({ unit: 'grapheme-ascii' }),
  ),
  { maxLength: 40 },
)

describe('UTF-16', () => {
  const asBytes = (text: string, isBigEndian: boolean): Buffer => {
    const bytes = Buffer.from(text, 'utf16le')
    return isBigEndian ? bytes.swap16() : bytes
  }

  test('is read in the order of its mark, else in that of its name, wherever it is cut', async () => {
    const text = fc.string({ unit: 'binary' }).map((string) => string.toWellFormed().replaceAll('\ufeff', '-'))
    await fc.assert(
      fc.asyncProperty(text, fc.boolean(), fc.boolean(), cuts, async (content, isBigEndian, hasMark, at) => {
        // What begins like a mark of the other order is one.
        fc.pre(hasMark || !content.startsWith('\ufffe'))
        const bytes = asBytes((hasMark ? '\ufeff' : '') + content, isBigEndian)
        const label = hasMark ? 'utf-16' : isBigEndian ? 'utf-16be' : 'utf16'
        expect(await decoded(label, bytes, at)).toEqual({ text: content, fault: undefined })
      }),
    )
  })

  test.each<[string, Buffer, string, number]>([
    ['an odd last byte', Buffer.concat([asBytes('ab', false), Buffer.from('c')]), 'ab', 5],
    ['half a character at the end', asBytes('ab\ud83d', false), 'ab', 5],
    ['a lone first half', asBytes('\ufeffab\ud83dc', false), 'ab', 7],
    ['a lone second half', asBytes('\ufeffab\ude00c', true), 'ab', 7],
    ['a single byte', Buffer.from('a'), '', 1],
  ])('%s is refused with its place', async (_, bytes, text, at) => {
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(await decoded('utf-16', bytes, [cut])).toEqual({ text, fault: `in: not UTF-16 at byte ${at}` })
  })
})

describe.runIf(HAS_ICONV)('encodings of East Asia', () => {
  test.each([
    ['shift_jis', 'CP932'],
    ['euc-jp', 'EUC-JP'],
    ['iso-2022-jp', 'ISO-2022-JP'],
    ['gb18030', 'GB18030'],
    ['gbk', 'GBK'],
    ['big5', 'BIG5'],
    ['euc-kr', 'CP949'],
  ])('%s is read as iconv writes it, wherever it is cut', (label, name) => {
    // Not all of them have all characters.
    const known = /^(?:big5)$/.test(label) ? /カタカナ|亜/g : label === 'euc-kr' ? /亜/g : /(?!)/
    return fc.assert(
      fc.asyncProperty(words, cuts, async (list, at) => {
        const text = list.join('').replaceAll(new RegExp(known, 'g'), '')
        const { stdout, status } = spawnSync('iconv', ['-f', 'UTF-8', '-t', name], { input: text })
        expect(status).toBe(0)
        expect(await decoded(label, stdout, at)).toEqual({ text, fault: undefined })
      }),
      { numRuns: 25 },
    )
  })

  test.each([
    ['shift_jis', Buffer.from('id,\x93\xfa\x96\x7b\n1,\x93\xfa\x81\xff,x\n', 'latin1'), 'id,日本\n1,日', 13],
    ['gb18030', Buffer.from('a,\xd6\xd0\xff\xfe', 'latin1'), 'a,中', 5],
    ['euc-kr', Buffer.from('a,\xc7\xd1\n\xc7', 'latin1'), 'a,한\n', 6],
    ['big5', Buffer.from('\xa4\xa4\xa4', 'latin1'), '中', 3],
  ])('%s: what is no character is refused with its place, wherever it is cut', async (label, bytes, text, at) => {
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(await decoded(label, bytes, [cut])).toEqual({ text, fault: `in: not ${label} at byte ${at}` })
  })
})

describe('kv batch-put --encoding', () => {
  test.each<[string, Buffer, string[]]>([
    ['latin.csv', Buffer.from('key,value\na,caf\xe9 \x80\n', 'latin1'), ['--encoding', 'latin1']],
    ['utf16.csv', Buffer.from('\ufeffkey,value\r\na,café €\r\n', 'utf16le'), ['--encoding', 'utf-16']],
    ['utf16.csv.gz', gzipSync(Buffer.from('\ufeffkey,value\r\na,café €\r\n', 'utf16le')), ['--encoding', 'utf-16']],
    ['utf8.csv', Buffer.from('\ufeffkey,value\na,café €\n'), ['--encoding', 'utf8']],
  ])('%s', async (file, bytes, flags) => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, file), bytes)
    const { stdout, code } = await kv(['batch-put', '--json', ...flags, file], { store, cwd })
    expect(code).toBe(0)
    expect(await contents(store)).toEqual([['a', 'café €']])
    // Counted as they lie in the file, unpacked.
    const size = file.endsWith('.gz') ? Buffer.byteLength('\ufeffkey,value\r\na,café €\r\n', 'utf16le') : bytes.length
    expect(JSON.parse(String(stdout))).toMatchObject({ put: 1, bytes: size })
  })

  test('a file of many blocks', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    const lines = Array.from(
      { length: 60_000 },
      (_, n) => `${JSON.stringify({ key: `é${n}`, value: 'ü'.repeat(20) })}\n`,
    )
    writeFileSync(join(cwd, 'rows.jsonl'), Buffer.from(lines.join(''), 'utf16le'))
    const { stderr, code } = await kv(['batch-put', '--encoding', 'utf-16le', 'rows.jsonl'], { store, cwd })
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^60,000 put, 0 skipped, /)])
  })

  test('what is not in the encoding ends the input, and what stands before it is stored', async () => {
    const store = await givenStore()
    const cwd = tempDir()
    writeFileSync(join(cwd, 'rows.jsonl'), Buffer.from('["a",1]\n["b",2]\n["c', 'utf16le').subarray(0, -1))
    expectRun(await kv(['batch-put', '--encoding', 'utf-16', 'rows.jsonl'], { store, cwd }), {
      stderr: errorText('rows.jsonl: not UTF-16 at byte 37; the 2 records before that are stored', 'KV_INVALID_INPUT'),
      code: 3,
    })
    expect(await contents(store)).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test.each([
    [['--encoding', 'klingon'], /^kv: unknown encoding "klingon" \(KV_USAGE\)\nhint: .*latin1 utf-16/],
    [['--encoding', 'latin1', '--files'], /^kv: --encoding is for text; --files stores bytes as they are \(KV_USAGE\)/],
  ])('%j is a wrong call', async (flags, stderr) => {
    expectRun(await kv(['batch-put', ...flags, 'x'], {}), { stderr, code: 2 })
  })
})
