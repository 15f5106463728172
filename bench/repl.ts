/**
 * What a person feels in a session over 1,000,000 keys, in a real pseudo-terminal: the time from Tab to the drawn
 * list, and from Ctrl-C to the prompt.
 */
import { execFileSync } from 'node:child_process'
import { spawn } from '@lydell/node-pty'
import { formatNs } from '../src/bench/report/numbers.ts'
import { Histogram } from '../src/bench/measure/histogram.ts'
import { KV, bench, environment } from './harness.ts'
import { report } from './table.ts'

await bench({ rounds: 15, records: 1_000_000 }, async (folder, { rounds, records, write }) => {
  const env = { ...environment(folder), TERM: 'xterm-256color', PAGER: 'cat', KV_HISTFILE: '' }
  let input = ''
  for (let i = 0; i < records; i++) input += `["${['user', 'order', 'log', 'cfg'][i % 4]}:${i}","value ${i}"]\n`
  const store = ['--store', 'm.kv']
  const stdio = ['pipe' as const, 'ignore' as const, 'ignore' as const]
  execFileSync(process.execPath, [KV, 'batch-put', ...store], { cwd: folder, env, input, stdio })

  const pty = spawn(process.execPath, [KV, ...store], { cols: 100, rows: 30, cwd: folder, env })
  let seen = ''
  let look = (): void => {}
  pty.onData((data) => {
    seen += data
    look()
  })
  /** Settles when the output since the last call is as wanted. */
  const until = (wanted: (output: string) => boolean): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (!wanted(seen)) return
        look = () => {}
        resolve()
      }
      look()
    })
  const send = async (text: string, wanted: (output: string) => boolean): Promise<number> => {
    seen = ''
    const began = performance.now()
    pty.write(text)
    await until(wanted)
    return performance.now() - began
  }
  const shows = (pattern: RegExp) => (output: string) => pattern.test(output)
  const rows: string[][] = []
  const measure = async (what: string, round: () => Promise<number>): Promise<void> => {
    const times = new Histogram()
    const first = await round()
    times.record(first * 1e6)
    for (let i = 1; i < rounds; i++) times.record((await round()) * 1e6)
    rows.push([what, formatNs(times.percentile(50)), formatNs(times.max), formatNs(first * 1e6)])
  }
  const tab = (line: string, pattern: RegExp) => async () => {
    await send(`\u0015${line}`, shows(new RegExp(`> .*${line.trimEnd()}`, 's')))
    return send('\t', shows(pattern))
  }
  await until(shows(/m\.kv.*> /s))
  const quarter = (records / 4).toLocaleString('en')
  await measure(
    `Tab after \`get \` (4 groups, ${records.toLocaleString('en')} keys counted)`,
    tab('get ', new RegExp(`user:.*${quarter}`, 's')),
  )
  await measure(`Tab after \`get user:\` (9 groups, ${quarter} keys counted)`, tab('get user:', /user:9/))
  await measure('Tab after `get user:12` (10 groups)', tab('get user:12', /user:128|user:129/))
  pty.write('\u0015')
  await measure('Ctrl-C during `range`, to the prompt', async () => {
    await send('range\r', (output) => output.length > 100_000)
    return send('\u0003', shows(/\[130\]/))
  })
  pty.write('\u0004')
  await report({
    name: 'repl',
    about: `A session over ${records.toLocaleString('en')} keys in a pseudo-terminal: from a key to the drawn answer, ${rounds} times.`,
    head: ['what', 'median', 'worst', 'first'],
    rows,
    folder,
    write,
  })
})
