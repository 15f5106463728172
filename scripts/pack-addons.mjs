/**
 * Compresses the SQLite addons of all platforms into `dist/engine` before the package is packed, and writes their
 * SHA-256 there. Archives that are there already are not made again.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { addons } from './addons.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../dist/engine')
const manifest = join(folder, 'sha256.json')
mkdirSync(folder, { recursive: true })

const before = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 }

async function pack({ name, file }) {
  const addon = readFileSync(file)
  const digest = createHash('sha256').update(addon).digest('hex')
  const archive = join(folder, `${name}.br`)
  if (before[name] !== digest || !existsSync(archive)) {
    const part = `${archive}.${process.pid}`
    const bytes = name.includes('x64') ? withAbsoluteCalls(addon) : addon
    writeFileSync(part, await promisify(brotliCompress)(bytes, { params }))
    renameSync(part, archive)
  }
  return [name, digest]
}

/** The reverse of `withRelativeCalls` in src/drivers/sqlite/engine/relative-calls.ts, which has the reason. */
function withAbsoluteCalls(code) {
  const bytes = Buffer.from(code)
  for (let at = 0; at + 5 <= bytes.length; at++) {
    if ((bytes[at] & 0xfe) !== 0xe8) continue
    bytes.writeInt32LE((bytes.readInt32LE(at + 1) + at) | 0, at + 1)
    at += 4
  }
  return bytes
}

const digests = Object.fromEntries(await Promise.all(addons().map(pack)))
writeFileSync(manifest, `${JSON.stringify(digests, null, 2)}\n`)
