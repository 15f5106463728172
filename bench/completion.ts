/** Tab in bash over a store of ten million keys: from the call of the shell's function to its suggestions. */
import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdirSync, symlinkSync } from 'node:fs'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { KV, type Case, bench, environment, inTurn, kvMs, processMs } from './harness.ts'
import { report, row, time } from './table.ts'

/** Milliseconds that a Tab may take. */
const TAB_MS = 100

/** Completes a line as bash does at Tab, and prints how long that took, in microseconds, and the number of suggestions. */
const TAB = `
eval "$(kv completion bash)"
COMP_LINE=$1 COMP_POINT=\${#1} COMP_TYPE=9
began=\${EPOCHREALTIME/[.,]/}
_kv kv "$2" get
echo $((\${EPOCHREALTIME/[.,]/} - began)) \${#COMPREPLY[@]}
`

await bench({ rounds: 20, records: 10_000_000 }, async (folder, { rounds, records, write }) => {
  const at = (name: string): string => join(folder, name)
  const keys = createWriteStream(at('keys'))
  for (let from = 0; from < records; from += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, i) => `${['user', 'order', 'log', 'cfg'][i % 4]}:${from + i}\n`)
    if (!keys.write(lines.join(''))) await once(keys, 'drain')
  }
  keys.end()
  await once(keys, 'close')
  kvMs(folder, '--quiet', '--store', at('big.kv'), 'batch-put', '--lines', '--no-sync', at('keys'))
  mkdirSync(at('bin'))
  symlinkSync(KV, at('bin/kv'))
  const env = environment(folder)
  const options = {
    encoding: 'utf8',
    env: { ...env, PATH: `${at('bin')}${delimiter}${env['PATH']}`, KV_STORE: at('big.kv') },
  } as const
  const tab = (line: string, least: number): Case => ({
    run() {
      const word = line.slice(line.lastIndexOf(' ') + 1)
      const [took, count] = execFileSync('bash', ['-c', TAB, 'bash', line, word], options).split(' ').map(Number)
      if (!(count! >= least)) throw new Error(`${line}: ${count} suggestions`)
      return took! / 1000
    },
  })
  const lines = { groups: 'kv get ', group: 'kv get user:', key: 'kv get user:123', option: 'kv range --pre' }
  const took = await inTurn(
    {
      floor: { run: () => processMs(folder, process.execPath, ['-e', '0']) },
      groups: tab(lines.groups, 4),
      group: tab(lines.group, 9),
      key: tab(lines.key, 10),
      option: tab(lines.option, 1),
    },
    rounds,
  )
  await report({
    name: 'completion',
    about: `Tab in bash, the start of kv included, a store of ${records.toLocaleString('en')} keys in the page cache. Medians of ${rounds}.`,
    rows: Object.entries(lines).map(([name, line]) =>
      row({
        what: `\`${line}\` and Tab`,
        ours: took[name as keyof typeof lines],
        theirs: TAB_MS,
        peer: 'target',
        atMost: 1,
      }),
    ),
    notes: [`\`node -e 0\`: ${time(took.floor)}`],
    folder,
    write,
  })
})
