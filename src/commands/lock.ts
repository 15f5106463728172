import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { type KeyFlags, parseKey } from '../cli/line/arguments.ts'
import { encodingOption } from '../cli/line/shared-options.ts'
import { startProgram } from '../child-process.ts'
import { parseDuration } from '../duration.ts'
import { KvError, interrupted, usageError } from '../errors.ts'
import { Lease } from '../lock/lease.ts'
import { displayKey } from '../safe-text.ts'
import type { Store } from '../store/store.ts'

interface Flags extends KeyFlags {
  ttl: string
  wait: string
}

/** The shortest time to live, in milliseconds: a machine under load must be able to renew within a third of it. */
const LEAST_TTL_MS = 1000

/** `kv lock NAME -- CMD` */
export function lock(ctx: Context): Command {
  return new Command('lock')
    .description(
      'Run CMD while holding the lock NAME, and end with the exit code of CMD. Exit 1 without running it when another holds the lock for longer than --wait.',
    )
    .usage('[options] NAME -- CMD [ARG...]')
    .argument('<NAME>')
    .argument('<CMD...>')
    .option('--ttl <time>', 'how long the lock outlives a holder that is gone (30s)', '30s')
    .option('--wait <time>', 'how long to wait for it; 0: not at all (10s)', '10s')
    .addOption(encodingOption('key'))
    .addHelpText(
      'after',
      `
NAME is a key. Its value is HOST:PID:RANDOM while the lock is held; it expires
after --ttl and is renewed each third of that while CMD runs. It is deleted at
the end, only if it is still this one's. SIGINT, SIGTERM and SIGHUP go to CMD.

Never do two hold the lock within --ttl, by the store's clock. When it is lost
(deleted, or not renewed in time) kv says so and sends CMD a SIGTERM; what CMD
still does after that is not protected, nor is a CMD whose kv was killed with
-9 or stopped for longer than --ttl. Who waits longest is not served first. In a
store with --max-entries a lock may have to go for newer entries, as any entry.

Examples:
  kv lock nightly -- ./backup.sh
  kv lock deploy --wait 0 --store http://db.example:8003 -- make deploy
  kv get nightly                                  who holds it
  kv del nightly --if-value HOST:PID:RANDOM       break it`,
    )
    .action(async (name: string, [program, ...args]: [string, ...string[]], flags: Flags) => {
      const key = parseKey(name, flags.keyEncoding)
      const ttlMs = parseDuration(flags.ttl, 'time to live')
      if (ttlMs < LEAST_TTL_MS) throw usageError(`--ttl is too short: ${flags.ttl}`, 'a lock lives for 1s at least')
      const waitMs = parseDuration(flags.wait, 'time to wait', { zero: true })
      ctx.handleSignals()
      const store = await ctx.store()
      const lease = await taken(ctx, store, key, ttlMs, waitMs)
      try {
        ctx.exitCode = await runWithin(ctx, lease, displayKey(key), program, args)
      } finally {
        await release(ctx, lease, displayKey(key), flags.ttl)
      }
    })
}

async function taken(ctx: Context, store: Store, key: Uint8Array, ttlMs: number, waitMs: number): Promise<Lease> {
  const { signal } = ctx
  const holder = async (): Promise<string> => {
    const value = await store.get(key)
    return value === undefined ? '' : `held by ${displayKey(value)}`
  }
  const token = `${hostname()}:${process.pid}:${randomBytes(6).toString('hex')}`
  const onWait = async (): Promise<void> => {
    if (ctx.io.stderr.isTTY) ctx.say(`kv: waiting for ${displayKey(key)}, ${await holder()}`)
  }
  try {
    const lease = await Lease.take(store, key, { token, ttlMs }, { waitMs, onWait, signal })
    if (lease !== undefined) return lease
  } catch (error) {
    await ctx.endBySignal()
    throw error
  }
  const why = (await holder()) || 'others were quicker'
  throw new KvError('KV_CONDITION', `the lock ${displayKey(key)} was not obtained: ${why}`)
}

/** Runs the program; resolves to its exit code. */
async function runWithin(
  ctx: Context,
  lease: Lease,
  name: string,
  program: string,
  args: readonly string[],
): Promise<number> {
  if (ctx.signal.aborted) throw interrupted(ctx.signal)
  const running = startProgram(ctx, program, args)
  ctx.passSignals((signal) => running.pass(signal))
  void lease.lost.then((why) => {
    ctx.io.stderr.write(`kv: lost the lock ${name}: ${why}; the command is sent SIGTERM\n`)
    running.kill('SIGTERM')
  })
  return running.ended
}

/** Gives the lock back. Whatever happens, what counts is how the program ended. */
async function release(ctx: Context, lease: Lease, name: string, ttl: string): Promise<void> {
  try {
    if (!(await lease.release()) && !lease.isLost)
      ctx.io.stderr.write(`kv: lost the lock ${name} while the command ran: another has taken or deleted it\n`)
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    ctx.io.stderr.write(`kv: the lock ${name} was not released, and lasts up to ${ttl} more: ${error.message}\n`)
  }
}
