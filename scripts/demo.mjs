/** The main job on real input: loads fixtures/world.jsonl into a new store and asks it things. `npm run demo` */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kv-demo-'))
const env = { ...process.env, KV_STORE: join(folder, 'world.kv') }

/** Runs a line of shell as a user would, `kv` being this checkout's. */
function run(line) {
  console.log(`$ ${line}`)
  const script = `kv() { "${process.execPath}" "${join(root, 'bin', 'kv.cjs')}" "$@"; }\n${line}`
  execFileSync('sh', ['-c', script], { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  console.log()
}

try {
  run('kv batch-put fixtures/world.jsonl')
  run('kv count')
  run('kv get country:JP')
  console.log()
  run('kv range --prefix currency:E --format table')
  run('kv range --prefix timezone:Europe/ --keys --limit 3 --reverse')
  run('kv count country:A country:B')
  run('kv range | kv batch-put --store "$KV_STORE.copy" && kv count --store "$KV_STORE.copy"')
  run('kv del --prefix unit: --yes')
  run('kv check')
} finally {
  rmSync(folder, { recursive: true, force: true })
}
