'use strict'
/**
 * V8's code cache for the code every command needs, for what takes command lines with options apart, and for the client of
 * gRPC: bytecode beside the bundle, which saves a cold `kv get` 5 of 12 ms, and 30 more of one in etcd. The build writes it, and so does the installation (`bin/install.cjs`),
 * since only the V8 that wrote a cache takes it. Where there is none, or V8 refuses it (another
 * version, other flags, a file cut off), the code is compiled as always.
 */
const { mkdtempSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const { setFlagsFromString } = require('node:v8')

/** Writes the caches for this Node: what has run by then is in them, so it runs the commands that have to be quick. */
exports.write = async () => {
  const { join } = require('node:path')
  const folder = mkdtempSync(join(require('node:os').tmpdir(), 'kv-code-'))
  try {
    const { main } = require('../dist/cli/main.cjs')
    const sink = { isTTY: false, columns: () => 80, write() {} }
    const io = { stdin: { isTTY: false, fd: -1 }, stdout: sink, stderr: sink, env: {} }
    const store = join(folder, 'store.kv')
    for (const line of [
      ['put', 'key', 'value', '--store', store],
      ['put', 'key', 'other', '--store', store],
      ['get', 'key', '--store', store],
      ['get', 'key', '--quiet', '--store', store],
      ['--help'],
    ]) {
      if ((await main(line, io)) !== 0) throw new Error(`kv ${line.join(' ')} failed`)
    }
    // Nothing here asks a cluster, so all of its client is compiled.
    setFlagsFromString('--no-lazy')
    const { Client } = require('../dist/cli/grpc.cjs')
    setFlagsFromString('--lazy')
    if (Client === undefined) throw new Error('the client of gRPC is not whole')
    for (const name of ['main', 'parser', 'grpc']) {
      const { script, cachePath } = require.cache[require.resolve(`../dist/cli/${name}.cjs`)].cached
      // Under its name only when it is whole and on disk: V8 looks at its head and length, not at every byte.
      const temporary = `${cachePath}.${process.pid}`
      writeFileSync(temporary, script.createCachedData(), { flush: true })
      renameSync(temporary, cachePath)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
