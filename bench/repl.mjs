/**
 * Measures what a person feels in a session over 1,000,000 keys, in a real pseudo-terminal: the
 * time from Tab to the drawn list, and from Ctrl-C to the prompt. Run: npm run bench:repl
 */
import { spawn } from '@lydell/node-pty'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const KEYS = 1_000_000
const ROUNDS = 15
const KV = fileURLToPath(new URL('../bin/kv.cjs', import.meta.url))

const home = mkdtempSync(join(tmpdir(), 'kv-bench-'))
const env = { PATH: process.env['PATH'], HOME: home, TERM: 'xterm-256color', PAGER: 'cat', KV_HISTFILE: '' }

function rows() {
  let text = ''
  for (let i = 0; i < KEYS; i++) text += `["${['user', 'order', 'log', 'cfg'][i % 4]}:${i}","value ${i}"]\n`
  return text
}

let seen = ''
let look = () => {}

/** Settles when the output since the last call matches. */
function until(pattern) {
  return new Promise((resolve) => {
    look = () => {
      if (!pattern.test(seen)) return
      look = () => {}
      resolve()
    }
    look()
  })
}

async function time(name, round) {
  const times = []
  for (let i = 0; i < ROUNDS; i++) times.push(await round())
  const first = times[0]
  times.sort((a, b) => a - b)
  console.log(
    `${name.padEnd(58)} median ${times[ROUNDS >> 1].toFixed(1)} ms, worst ${times.at(-1).toFixed(1)} ms, first ${first.toFixed(1)} ms`,
  )
}

try {
  execFileSync(process.execPath, [KV, 'batch-put', '--store', 'm.kv'], {
    cwd: home,
    env,
    input: rows(),
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const pty = spawn(process.execPath, [KV, '--store', 'm.kv'], { cols: 100, rows: 30, cwd: home, env })
  pty.onData((data) => {
    seen += data
    look()
  })
  const send = async (text, pattern) => {
    seen = ''
    const began = performance.now()
    pty.write(text)
    await until(pattern)
    return performance.now() - began
  }
  await until(/m\.kv.*> /s)
  const tab = (line, pattern) => async () => {
    await send(`\u0015${line}`, new RegExp(`> .*${line.trimEnd()}`, 's'))
    return send('\t', pattern)
  }
  await time('Tab after "get " (4 groups, 1,000,000 keys counted)', tab('get ', /user:.*250,000/s))
  await time('Tab after "get user:" (9 groups, 250,000 keys counted)', tab('get user:', /user:9/))
  await time('Tab after "get user:12" (10 groups)', tab('get user:12', /user:128|user:129/))
  pty.write('\u0015')
  await time('Ctrl-C during range to the prompt', async () => {
    await send('range\r', { test: (output) => output.length > 100_000 })
    return send('\u0003', /\[130\]/)
  })
  pty.write('\u0004')
} finally {
  rmSync(home, { recursive: true, force: true })
}
