import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { turn } from '../../async.ts'
import { compareBytes } from '../../bytes.ts'
import { openDriver } from '../../drivers/index.ts'
import { KvError, interrupted, reasonOf } from '../../errors.ts'
import type { Io } from '../../io.ts'
import { isDumb } from '../../cli/environment.ts'
import type { GlobalOptions } from '../../cli/options.ts'
import { formatCount } from '../../safe-text.ts'
import { Progress } from '../../output/progress.ts'
import { type Block, blockOf } from '../../blocks/block.ts'
import type { Clock } from '../../store/driver/driver.ts'
import type { Entry } from '../../store/driver/entry.ts'
import { Store } from '../../store/store.ts'

/** What of a session snapshots and their comparison need. */
export interface SnapshotSession {
  readonly globals: GlobalOptions
  /** Aborted when the user stops the running command. */
  readonly signal: AbortSignal
  readonly snapshot: Snapshot | undefined
  store(): Promise<Store>
}

/** What a store held at one moment: a copy in a temporary folder that only the user can read. */
export class Snapshot {
  /** The copy. Time stands still in it: what expires later does not go. */
  readonly store: Store
  readonly #folder: string

  private constructor(store: Store, folder: string) {
    this.store = store
    this.#folder = folder
  }

  /**
   * Copies the session's store; a copy, so that the file does not grow for a forgotten snapshot. Throws
   * `KV_INTERRUPTED`, and `KV_DISK_FULL` or `KV_UNAVAILABLE` when the temporary folder is full or not there.
   */
  static async take(session: SnapshotSession, io: Io): Promise<Snapshot> {
    const moment = Date.now()
    const source = await session.store()
    const snapshot = await Snapshot.#empty(() => moment)
    const progress = new Progress(io.stderr, io.stderr.isTTY && !isDumb(io.env) && !session.globals.quiet)
    let copied = 0
    const blocks = async function* (): AsyncGenerator<Block, void, void> {
      for await (const page of pages(session, source, undefined)) {
        yield blockOf(page)
        progress.rows((copied += page.length))
      }
    }
    try {
      await snapshot.store.load(blocks())
    } catch (error) {
      await snapshot.drop()
      throw error
    } finally {
      progress.done()
    }
    io.stderr.write(`copied ${formatCount(copied, 'key')}; .diff shows what changes from now on\n`)
    return snapshot
  }

  static async #empty(clock: Clock): Promise<Snapshot> {
    let folder: string
    try {
      folder = mkdtempSync(join(tmpdir(), 'kv-snapshot-'))
    } catch (cause) {
      throw new KvError('KV_UNAVAILABLE', `cannot make a folder for the copy in ${tmpdir()}: ${reasonOf(cause)}`, {
        cause,
        hint: 'the variable TMPDIR names the place for it',
      })
    }
    try {
      const path = join(folder, 'snapshot.kv')
      return new Snapshot(new Store(path, await openDriver(path, { durable: false, clock })), folder)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Removes the copy. */
  async drop(): Promise<void> {
    await this.store.close().finally(() => rmSync(this.#folder, { recursive: true, force: true }))
  }
}

/** An entry that is not as it was; `undefined`: not there. */
export interface Difference {
  readonly key: Uint8Array
  readonly before: Entry | undefined
  readonly after: Entry | undefined
}

/** What has changed in the session's store since a snapshot, in key order: another value, or another expiry. */
export async function* differences(
  session: SnapshotSession,
  snapshot: Snapshot,
  prefix: string | undefined,
): AsyncGenerator<Difference, void, void> {
  const olds = entries(session, snapshot.store, prefix)
  try {
    let old = await next(olds)
    for await (const after of entries(session, await session.store(), prefix)) {
      for (; old !== undefined && compareBytes(old.key, after.key) < 0; old = await next(olds))
        yield { key: old.key, before: old, after: undefined }
      const before = old !== undefined && compareBytes(old.key, after.key) === 0 ? old : undefined
      if (before === undefined || before.expires !== after.expires || compareBytes(before.value, after.value) !== 0)
        yield { key: after.key, before, after }
      if (before !== undefined) old = await next(olds)
    }
    for (; old !== undefined; old = await next(olds)) yield { key: old.key, before: old, after: undefined }
  } finally {
    await olds.return()
  }
}

async function next(items: AsyncGenerator<Entry, void, void>): Promise<Entry | undefined> {
  return (await items.next()).value ?? undefined
}

async function* entries(
  session: SnapshotSession,
  store: Store,
  prefix: string | undefined,
): AsyncGenerator<Entry, void, void> {
  for await (const page of pages(session, store, prefix)) yield* page
}

async function* pages(
  { signal }: SnapshotSession,
  store: Store,
  prefix: string | undefined,
): AsyncGenerator<Entry[], void, void> {
  for await (const page of store.rangePages({ prefix, signal })) {
    yield page
    await turn()
    if (signal.aborted) throw interrupted(signal)
  }
}
