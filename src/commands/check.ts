import { Command } from 'commander'
import { encode } from '../bytes.ts'
import type { Context } from '../context.ts'
import { KvError } from '../errors.ts'
import { displayKey, escapeLine } from '../output/escape.ts'
import { Progress } from '../output/progress.ts'

/** `kv check` */
export function check(ctx: Context): Command {
  return new Command('check')
    .summary('verify every entry and the file itself')
    .description('Read everything, compare every entry with its checksum and verify the structure of the file. Exit 4 when anything is damaged; the keys are named.')
    .addHelpText('after', '\nExample:\n  kv check && echo healthy')
    .action(async () => {
      const store = await ctx.store()
      const progress = new Progress(ctx.io.stderr, ctx.drawsProgress)
      const report = store.check({ onProgress: (entries) => progress.rows(entries), signal: ctx.signal })
      const { checked, unchecked, damagedKeys, problems } = await report.finally(() => progress.done())
      const ok = damagedKeys.length === 0 && problems.length === 0
      const lines = [
        ...problems.map((problem) => `problem: ${escapeLine(problem)}`),
        ...damagedKeys.map((key) => `damaged: ${displayKey(key)}`),
        `${ok ? 'ok' : 'DAMAGED'}: ${checked} ${checked === 1 ? 'entry' : 'entries'} checked, ${unchecked} without a checksum`,
      ]
      ctx.print.record(
        { ok, checked, unchecked, damaged_keys_base64: damagedKeys.map((key) => encode(key, 'base64')), damaged_keys: damagedKeys.map(displayKey), problems },
        lines.join('\n'),
      )
      if (ok) return
      throw new KvError('KV_CORRUPT', `the store is damaged: ${damagedKeys.length} damaged ${damagedKeys.length === 1 ? 'entry' : 'entries'}, ${problems.length} structural ${problems.length === 1 ? 'problem' : 'problems'}`, {
        hint: 'what can be read is saved by: kv range > saved.jsonl',
      })
    })
}
