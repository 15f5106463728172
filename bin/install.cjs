'use strict'
/**
 * What an installation does once; it never downloads. It writes the code cache by running kv, which unpacks the SQLite
 * of this platform where Node has none, and removes the archives that this machine will not need. An installation
 * without it is as good, only larger.
 */
const { existsSync, readdirSync, rmSync } = require('node:fs')
const { join } = require('node:path')

const FOLDER = join(__dirname, '../dist/engine')

/** Removes the archives of other platforms, and all where an addon is unpacked. */
function removeArchives() {
  const { npm_config_os: os, npm_config_cpu: cpu, npm_config_libc: libc } = process.env
  // Installed for another machine.
  if (os || cpu || libc) return
  const platform = `${process.platform}-${process.arch}`
  // With SQLite in Node nothing is unpacked; the archives of this platform stay for an older one.
  const unpacked = [`${platform}.node`, `${platform}-musl.node`].some((name) => existsSync(join(FOLDER, name)))
  for (const file of readdirSync(FOLDER))
    if (file.endsWith('.br') && (unpacked || file !== `${platform}.br`)) rmSync(join(FOLDER, file))
}

require('./code-cache.cjs')
  .write()
  .then(removeArchives)
  // A folder that cannot be written, or a checkout not yet built.
  .catch(() => {})
