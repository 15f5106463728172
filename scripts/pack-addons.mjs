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
    writeFileSync(part, await promisify(brotliCompress)(addon, { params }))
    renameSync(part, archive)
  }
  return [name, digest]
}

const digests = Object.fromEntries(await Promise.all(addons().map(pack)))
writeFileSync(manifest, `${JSON.stringify(digests, null, 2)}\n`)
