import { Command } from 'commander'
import { encode } from '../bytes.ts'
import type { Context } from '../cli/context.ts'
import { KvError } from '../errors.ts'
import { damageHint } from '../shell-quote.ts'
import { noStoreAt } from '../cli/named-stores.ts'
import { displayKey, escapeLine, formatCount } from '../safe-text.ts'
import { Progress } from '../output/progress.ts'

/** `kv check` */
export function check(ctx: Context): Command {
  return new Command('check')
    .description(
      'Read everything, compare every entry with its checksum and verify the structure of the file. Exit 4 when anything is damaged, whose keys are named, and when there is no store.',
    )
    .option('--quick', 'only the structure of the file, by an engine that tells that sooner')
    .addHelpText('after', '\nExamples:\n  kv check && echo healthy\n  kv check --quick')
    .action(async ({ quick = false }: { quick?: boolean }) => {
      const store = await ctx.store()
      const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
      const report = store.check({ quick, onProgress: (entries) => progress.rows(entries), signal: ctx.signal })
      const { exists = true, checked, unchecked, damagedKeys, problems } = await report.finally(() => progress.done())
      if (!exists) throw noStoreAt(ctx.globals.store)
      const ok = damagedKeys.length === 0 && problems.length === 0
      const lines = [
        ...problems.map((problem) => `problem: ${escapeLine(problem)}`),
        ...damagedKeys.map((key) => `damaged: ${displayKey(key)}`),
        `${ok ? 'ok' : 'DAMAGED'}: ${quick && checked + unchecked === 0 ? 'the structure of the file; no entry was compared' : `${checked} ${checked === 1 ? 'entry' : 'entries'} checked, ${unchecked} without a checksum`}`,
      ]
      ctx.print.record(
        {
          ok,
          checked,
          unchecked,
          damaged_keys_base64: damagedKeys.map((key) => encode(key, 'base64')),
          damaged_keys: damagedKeys.map(displayKey),
          problems,
        },
        lines.join('\n'),
      )
      if (ok) return
      throw new KvError(
        'KV_CORRUPT',
        `the store is damaged: ${formatCount(damagedKeys.length, 'damaged entry', 'damaged entries')}, ${formatCount(problems.length, 'structural problem')}`,
        {
          hint: damageHint(ctx.globals.store),
        },
      )
    })
}
