/**
 * Compresses the SQLite addons of all platforms into `dist/engine` before the package is packed, one archive for each
 * system and processor, and writes there where each lies and its SHA-256. Those for the two C libraries of Linux have much
 * in common, and lie one after the other in the same archive. Archives that are there already are not made again.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { addons } from './addons.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../dist/engine')
const manifest = join(folder, 'addons.json')
mkdirSync(folder, { recursive: true })

/** Which form the archives have; those of another are made again. */
const FORM = 3
const former = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}
const before = former.form === FORM ? former : {}

async function pack([archive, members]) {
  const parts = members.map(({ name, file }) => ({ name, addon: readFileSync(file) }))
  let start = 0
  const entries = parts.map(({ name, addon }) => {
    const entry = { archive, start, bytes: addon.length, sha256: createHash('sha256').update(addon).digest('hex') }
    start += addon.length
    return [name, entry]
  })
  const path = join(folder, archive)
  if (existsSync(path) && entries.every(([name, entry]) => isDeepStrictEqual(before[name], entry))) return entries
  const architecture = archive.includes('x64') ? 'x64' : 'arm64'
  const bytes = Buffer.concat(parts.map(({ addon }) => withAddresses(addon, architecture)))
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  writeFileSync(`${path}.${process.pid}`, await promisify(brotliCompress)(bytes, { params }))
  renameSync(`${path}.${process.pid}`, path)
  return entries
}

/** The reverse of `withDistances` in src/drivers/sqlite/engine/code-addresses.ts, which has the reason. */
function withAddresses(code, architecture) {
  const bytes = Buffer.from(code)
  if (architecture === 'x64') x64(bytes)
  else arm64(bytes)
  return bytes
}

function x64(bytes) {
  for (let at = 0; at + 7 <= bytes.length; at++) {
    const isJump = (bytes[at] & 0xfe) === 0xe8
    const isNear =
      (bytes[at] & 0xf8) === 0x48 &&
      [0x3b, 0x63, 0x89, 0x8b, 0x8d].includes(bytes[at + 1]) &&
      (bytes[at + 2] & 0xc7) === 0x05
    if (!isJump && !isNear) continue
    const operand = at + (isJump ? 1 : 3)
    bytes.writeInt32LE((bytes.readInt32LE(operand) + at) | 0, operand)
    at = operand + 3
  }
}

function arm64(bytes) {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = bytes.readUInt32LE(at)
    if (word >>> 26 === 0x25) bytes.writeUInt32LE((0x94000000 | ((word + at / 4) & 0x3ffffff)) >>> 0, at)
    else if ((word & 0x9f000000) >>> 0 === 0x90000000) {
      const page = ((((word >>> 5) & 0x7ffff) << 2) | ((word >>> 29) & 3)) + (at >>> 12)
      bytes.writeUInt32LE(((word & 0x9f00001f) | ((page & 3) << 29) | (((page >>> 2) & 0x7ffff) << 5)) >>> 0, at)
    }
  }
}

const archives = new Map()
for (const addon of addons().sort((a, b) => (a.name < b.name ? -1 : 1))) {
  const archive = `${addon.name.replace(/(-musl)?\.node$/, '')}.br`
  archives.set(archive, [...(archives.get(archive) ?? []), addon])
}
const entries = (await Promise.all([...archives].map(pack))).flat()
writeFileSync(manifest, `${JSON.stringify({ ...Object.fromEntries(entries), form: FORM }, null, 2)}\n`)
const kept = new Set(archives.keys())
for (const name of readdirSync(folder)) if (name.endsWith('.br') && !kept.has(name)) rmSync(join(folder, name))
