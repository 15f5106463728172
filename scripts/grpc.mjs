/**
 * The client of gRPC as one file beside the bundles, `dist/grpc.cjs`: the command line and both forms of the library
 * import it when they open a store in etcd. It holds what a client runs that asks one address a channel.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const SOURCE = '@grpc/grpc-js/build/src'

/** What `@grpc/grpc-js` sets up for the same: names resolved by DNS or none to resolve, and the first address that connects. */
const ENTRY = `
// First, as there: its modules import one another in circles.
require('${SOURCE}/channel')
exports.Client = require('${SOURCE}/client').Client
exports.Metadata = require('${SOURCE}/metadata').Metadata
exports.connectivityState = require('${SOURCE}/connectivity-state').ConnectivityState
const { ChannelCredentials } = require('${SOURCE}/channel-credentials')
exports.credentials = { createInsecure: ChannelCredentials.createInsecure, createSsl: ChannelCredentials.createSsl }
exports.status = require('${SOURCE}/constants').Status
require('${SOURCE}/resolver-dns').setup()
require('${SOURCE}/resolver-ip').setup()
require('${SOURCE}/load-balancer-pick-first').setup()
`
const NAMES = new Set([...ENTRY.matchAll(/^exports\.(\w+)/gm)].map(([, name]) => name))

/** Modules of Node that a client without proxies and its own services loads at once and does not use. */
const LAZY = {
  http: 'exports.request = (...args) => process.getBuiltinModule("node:http").request(...args)',
  '@grpc/proto-loader': 'module.exports = {}',
}

/** For the bundle of {@link ENTRY}. */
export const grpcParts = {
  name: 'grpc-parts',
  resolveId: (id, importer = '') =>
    id === 'grpc' || (Object.hasOwn(LAZY, id) && /@grpc.grpc-js/.test(importer)) ? `\0grpc:${id}` : undefined,
  load: (id) => {
    if (!id.startsWith('\0grpc:')) return undefined
    const name = id.slice('\0grpc:'.length)
    return name === 'grpc' ? ENTRY : LAZY[name]
  },
}

/** For a bundle that imports that file. @param path of the file, as the bundle's own files write it */
export const grpcFile = (path) => ({
  name: 'grpc-file',
  resolveId: (id) => (id === '@grpc/grpc-js' ? { id: path, external: true } : undefined),
})

/** Throws when the sources import a name that {@link ENTRY} does not have. */
export function checkGrpcNames() {
  for (const file of readdirSync('src/drivers/etcd', { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const text = readFileSync(join('src/drivers/etcd', file), 'utf8')
    for (const [, list] of text.matchAll(/^import \{([^}]*)\} from '@grpc\/grpc-js'/gm))
      for (const name of list.split(',').map((it) => it.trim()))
        if (/^\w/.test(name) && !name.startsWith('type ') && !NAMES.has(name))
          throw new Error(`${file} imports ${name}: scripts/grpc.mjs leaves it out`)
  }
}
