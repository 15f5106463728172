/**
 * The client of gRPC as one file beside the bundles, `dist/grpc.cjs`: the command line and both forms of the library
 * import it when they open a store in etcd.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGE = '@grpc/grpc-js'

const names = new Set(
  readdirSync('src/drivers/etcd/cluster').flatMap((file) =>
    [
      ...readFileSync(join('src/drivers/etcd/cluster', file), 'utf8').matchAll(
        /^import \{([^}]*)\} from '@grpc\/grpc-js'/gm,
      ),
    ].flatMap(([, list]) => list.split(',').flatMap((name) => /^\s*(\w+)( as \w+)?\s*$/.exec(name)?.[1] ?? [])),
  ),
)

/** Hands out what the sources import, in a form in which ES modules find the names. */
const ENTRY = `const grpc = require('${PACKAGE}')
${[...names].map((name) => `exports.${name} = grpc.${name}`).join('\n')}`

/** Its modules for servers, for services about itself, for several addresses of one channel, and for Unix sockets. */
const UNUSED =
  /^\.\/(server|server-(credentials|interceptors|call)|orca|resolver-uds|load-balancer-(round-robin|outlier-detection|weighted-round-robin))$/

/** What its other modules load at once and do not use: a module of Node for proxies, and what reads `.proto` files. */
const STUBS = {
  http: 'exports.request = (...args) => process.getBuiltinModule("node:http").request(...args)',
  '@grpc/proto-loader': 'module.exports = {}',
  // Of what is experimental, the registration of resolvers only.
  './experimental': `exports.registerResolver = require('${PACKAGE}/build/src/resolver').registerResolver`,
}

/** @param path of the file, as the files of a bundle write it */
export const grpcFile = (path) => ({
  name: 'grpc-file',
  resolveId: (id, importer = '') => {
    if (id === 'grpc') return '\0grpc:'
    if (id === PACKAGE) return importer === '\0grpc:' ? undefined : { id: path, external: true }
    const isLeftOut = importer.includes(PACKAGE) && (UNUSED.test(id) || Object.hasOwn(STUBS, id))
    return isLeftOut ? `\0grpc:${id}` : undefined
  },
  load: (id) => {
    if (!id.startsWith('\0grpc:')) return undefined
    const name = id.slice('\0grpc:'.length)
    return name === '' ? ENTRY : (STUBS[name] ?? 'exports.setup = () => {}')
  },
})

/**
 * The code of the file with Node's modules taken without `require`, which is missing where a bundler puts CommonJS into an
 * ES module.
 */
export const withBuiltinModules = (code) => code.replaceAll(/\brequire\(("\w+")\)/g, 'process.getBuiltinModule($1)')
