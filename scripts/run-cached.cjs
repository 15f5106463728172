'use strict'
/**
 * The build makes `dist/cli/NAME.cjs` of this. It runs FILE, a CommonJS module in ASCII, in its own place, out of V8's code
 * cache where there is one (bin/code-cache.cjs). The name of the cache holds a hash of the text, because V8 tells a stale
 * cache only by the length of the text.
 */
const { readFileSync } = require('node:fs')
const { Script } = require('node:vm')
const filename = `${__dirname}/FILE`
const cachePath = `${__dirname}/CACHE-${process.version}-${process.arch}.cache`
let cachedData
try {
  cachedData = readFileSync(cachePath)
} catch {
  // Installed without scripts, or Node is another by now.
}
const text = `(function(exports,require,module,__filename,__dirname){${readFileSync(filename, 'latin1')}\n})`
const script = new Script(text, { filename, cachedData })
// For whoever writes the cache.
Object.assign(module, { cached: { script, cachePath } })
script.runInThisContext().call(exports, exports, require, module, __filename, __dirname)
