import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Store, Version } from '../../src/index.ts'
import { failure } from '../helpers/store.ts'
import { type BlockRow, type Kit, block, stoppedClock } from './suite.ts'

/** A version in short: what is left out of it is not known to the one who expects it. */
interface Seen {
  readonly type: string
  readonly value?: string
  readonly revision?: number
  readonly time?: number | undefined
}

/** The versions of a key, the newest first. */
export async function versionsOf(store: Store, key: string, limit?: number): Promise<Version[]> {
  const versions: Version[] = []
  for await (const page of store.history.versions(key, { limit })) versions.push(...page)
  return versions
}

function inShort(version: Version): Seen {
  if (version.type === 'expired') return { type: version.type, time: version.time }
  const { type, revision, time } = version
  return type === 'del'
    ? { type, revision, time }
    : { type, revision, time, value: Buffer.from(version.value).toString() }
}

async function textAt(store: Store, key: string, moment: { revision: number } | { time: number }): Promise<string> {
  const entry = await store.history.at(key, moment)
  return entry === undefined ? '-' : Buffer.from(entry.value).toString()
}

/** Old versions: of a driver that keeps them, and the refusal of one that does not. */
export function history(kit: Kit): void {
  /** A store with a history, unless the driver has none: then that is refused. */
  const withHistory = async (keep?: number, clock = stoppedClock()): Promise<Store | undefined> => {
    const store = await kit.store({ ...(kit.ownClock && { clock: clock.now }) })
    try {
      await store.history.on({ keep })
      return store
    } catch (error) {
      expect(error).toMatchObject({ code: 'KV_NOT_SUPPORTED' })
      return undefined
    }
  }

  test('is off at first: nothing is kept, and what is asked of the past is refused', async () => {
    const store = await withHistory()
    if (store === undefined) return
    expect(await store.history.off()).toBe(0)
    await store.put('k', '1')
    await store.put('k', '2')
    expect(await store.history.status()).toEqual({ keep: 0, since: undefined, versions: 0, bytes: 0 })
    expect((await failure(() => versionsOf(store, 'k'))).code).toBe('KV_HISTORY_GAP')
    expect((await failure(() => store.history.at('k', { revision: 1 }))).code).toBe('KV_HISTORY_GAP')
    expect((await failure(() => store.history.on({ keep: 0 }))).code).toBe('KV_USAGE')
  })

  test('lists puts and deletes, the newest first, and tells each state', async () => {
    const store = await withHistory()
    if (store === undefined) return
    const one = await store.put('k', 'one')
    const two = await store.put('k', 'two')
    await store.del('k')
    const four = await store.put('k', 'four')
    const versions = await versionsOf(store, 'k')
    expect(versions.map(inShort)).toMatchObject([
      { type: 'put', value: 'four', revision: four.revision },
      { type: 'del' },
      { type: 'put', value: 'two', revision: two.revision },
      { type: 'put', value: 'one', revision: one.revision },
    ])
    for (const version of versions) expect(Number.isSafeInteger(version.time)).toBe(true)
    expect((await versionsOf(store, 'k', 2)).map(inShort)).toEqual(versions.slice(0, 2).map(inShort))
    const deleted = versions[1] as Version & { type: 'del' }
    expect(deleted.revision).toBeGreaterThan(two.revision)
    expect(await textAt(store, 'k', { revision: one.revision })).toBe('one')
    expect(await textAt(store, 'k', { revision: two.revision })).toBe('two')
    expect(await textAt(store, 'k', { revision: deleted.revision })).toBe('-')
    expect(await textAt(store, 'k', { revision: four.revision })).toBe('four')
    expect((await failure(() => store.history.at('k', { revision: four.revision + 1 }))).code).toBe('KV_USAGE')
    expect(await versionsOf(store, 'never')).toEqual([])
    expect((await store.history.status()).versions).toBe(2)
    expect(await store.history.off()).toBe(2)
  })

  test('keeps values of any bytes with their expiry', async () => {
    const store = await withHistory()
    if (store === undefined) return
    const expires = Date.UTC(2100, 0, 1)
    const value = Uint8Array.of(0, 255, 10, 0)
    await store.put(Uint8Array.of(255, 0), value, { expires })
    await store.put(Uint8Array.of(255, 0), '')
    const all: Version[] = []
    for await (const versions of store.history.versions(Uint8Array.of(255, 0))) all.push(...versions)
    expect(all).toMatchObject([
      { type: 'put', value: new Uint8Array(), expires: undefined },
      { type: 'put', key: Uint8Array.of(255, 0), value, expires },
    ])
  })

  test('keeps so many old values of each key, and says when more were asked for', async () => {
    const store = await withHistory(2)
    if (store === undefined) return
    const revisions: number[] = []
    for (let n = 0; n < 5; n++) revisions.push((await store.put('k', String(n))).revision)
    await store.put('other', 'x')
    expect((await versionsOf(store, 'k')).map((it) => inShort(it).value)).toEqual(['4', '3', '2'])
    expect(await textAt(store, 'k', { revision: revisions[2]! })).toBe('2')
    expect((await failure(() => store.history.at('k', { revision: revisions[1]! }))).code).toBe('KV_HISTORY_GAP')
    await store.history.on({ keep: 1 })
    expect((await versionsOf(store, 'k')).map((it) => inShort(it).value)).toEqual(['4', '3'])
    expect((await versionsOf(store, 'other')).map((it) => inShort(it).value)).toEqual(['x'])
    expect((await store.history.status()).keep).toBe(1)
  })

  test('tells of what was there before it began the revision, but not the time', async () => {
    const store = await kit.store()
    const { revision } = await store.put('k', 'old')
    try {
      await store.history.on()
    } catch (error) {
      return void expect(error).toMatchObject({ code: 'KV_NOT_SUPPORTED' })
    }
    const { revision: newest } = await store.put('other', 'x')
    expect((await versionsOf(store, 'k')).map(inShort)).toEqual([
      { type: 'put', value: 'old', revision, time: undefined },
    ])
    await store.put('k', 'new')
    expect(await versionsOf(store, 'k')).toMatchObject([{ type: 'put' }, { type: 'put', revision, time: undefined }])
    expect(await textAt(store, 'k', { revision })).toBe('old')
    expect(await textAt(store, 'k', { revision: newest })).toBe('old')
    for (const moment of [{ time: 0 }, { time: Date.UTC(2001, 0, 1) }])
      expect((await failure(() => store.history.at('k', moment))).code).toBe('KV_HISTORY_GAP')
  })

  describe.skipIf(!kit.ownClock)('with a clock', () => {
    test('an entry that expires ends then, not when it is removed', async () => {
      const clock = stoppedClock()
      const store = await withHistory(10, clock)
      if (store === undefined) return
      const start = clock.time
      await store.put('k', 'short', { ttl: 1000 })
      clock.time += 5000
      const gone = [
        { type: 'expired', time: start + 1000 },
        { type: 'put', value: 'short', revision: 1, time: start },
      ]
      expect((await versionsOf(store, 'k')).map(inShort)).toEqual(gone)
      // The write of another key may remove it.
      await store.put('other', 'x')
      expect((await versionsOf(store, 'k')).map(inShort)).toEqual(gone)
      await store.put('k', 'new')
      expect((await versionsOf(store, 'k')).map(inShort)).toEqual([
        { type: 'put', value: 'new', revision: 3, time: start + 5000 },
        ...gone,
      ])
      expect(await textAt(store, 'k', { time: start + 999 })).toBe('short')
      expect(await textAt(store, 'k', { time: start + 1000 })).toBe('-')
      expect(await textAt(store, 'k', { time: start + 5000 })).toBe('new')
      expect(await textAt(store, 'k', { revision: 1 })).toBe('short')
    })

    test('an entry that expired and is replaced at once leaves the time between', async () => {
      const clock = stoppedClock()
      const store = await withHistory(10, clock)
      if (store === undefined) return
      const start = clock.time
      await store.put('k', 'short', { ttl: 1000 })
      clock.time += 5000
      await store.put('k', 'new')
      expect((await versionsOf(store, 'k')).map(inShort)).toEqual([
        { type: 'put', value: 'new', revision: 2, time: start + 5000 },
        { type: 'expired', time: start + 1000 },
        { type: 'put', value: 'short', revision: 1, time: start },
      ])
      expect(await textAt(store, 'k', { time: start + 3000 })).toBe('-')
    })

    test('a clock set back does not turn versions around', async () => {
      const clock = stoppedClock()
      const store = await withHistory(10, clock)
      if (store === undefined) return
      await store.put('k', '1')
      clock.time -= 60_000
      await store.put('k', '2')
      await store.put('k', '3')
      expect((await versionsOf(store, 'k')).map((it) => inShort(it).value)).toEqual(['3', '2', '1'])
      const times = (await versionsOf(store, 'k')).map(({ time }) => time!)
      expect(times).toEqual(times.toSorted((a, b) => b - a))
    })

    test('agrees with a list of all that was ever done', async () => {
      if ((await withHistory()) === undefined) return
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.oneof(
              { weight: 4, arbitrary: fc.record({ do: fc.constant('put'), key: KEY, ttl: TTL }) },
              { weight: 2, arbitrary: fc.record({ do: fc.constant('del'), key: KEY }) },
              { weight: 2, arbitrary: fc.record({ do: fc.constant('batch'), ops: fc.array(OP, { maxLength: 5 }) }) },
              { weight: 1, arbitrary: fc.record({ do: fc.constant('load'), ops: fc.array(OP, { maxLength: 5 }) }) },
              { weight: 1, arbitrary: fc.record({ do: fc.constant('range') }) },
              { weight: 3, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 40 }) }) },
              { weight: 1, arbitrary: fc.record({ do: fc.constant('together'), ops: fc.array(OP, { maxLength: 5 }) }) },
            ) as fc.Arbitrary<Step>,
            { maxLength: 25 },
          ),
          fc.integer({ min: 1, max: 4 }),
          (steps, keep) => agrees(kit, steps, keep),
        ),
        { numRuns: kit.supports.remote ? 12 : 60 },
      )
    })
  })
}

const KEYS = ['a', 'b', 'c']
const KEY = fc.constantFrom(...KEYS)
const TTL = fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined, freq: 2 })
const OP = fc.record({ key: KEY, isPut: fc.boolean(), ttl: TTL })

interface ModelOp {
  readonly key: string
  readonly isPut: boolean
  readonly ttl: number | undefined
}
type Step =
  | { do: 'put'; key: string; ttl: number | undefined }
  | { do: 'del'; key: string }
  | { do: 'batch' | 'load' | 'together'; ops: ModelOp[] }
  | { do: 'range' }
  | { do: 'wait'; ms: number }

/** What a key became, by a commit: a value, or that it was gone. */
interface State {
  readonly revision: number
  readonly time: number
  readonly value: string | undefined
  readonly expires: number | undefined
}

/** Does the steps on a store and in a list, and compares what both say of the past. */
async function agrees(kit: Kit, steps: readonly Step[], keep: number): Promise<void> {
  const clock = stoppedClock()
  const place = await kit.newPlace()
  const store = await kit.store({ place, clock: clock.now })
  const second = kit.shared ? await kit.store({ place, clock: clock.now }) : store
  await store.history.on({ keep })
  const start = clock.time
  const states = new Map<string, State[]>(KEYS.map((key) => [key, []]))
  let count = 0
  const lives = (key: string): boolean => {
    const last = states.get(key)!.at(-1)
    return last?.value !== undefined && (last.expires === undefined || last.expires > clock.time)
  }
  const became = (key: string, revision: number, value: string | undefined, ttl?: number): void => {
    const list = states.get(key)!
    // Of several steps of a commit, the last.
    const isSame = list.at(-1)?.revision === revision
    if (isSame) list.pop()
    if (value === undefined && (list.at(-1)?.value === undefined || !liveAt(list.at(-1)!, clock.time))) return
    list.push({ revision, time: clock.time, value, expires: ttl === undefined ? undefined : clock.time + ttl })
  }
  for (const [n, step] of steps.entries()) {
    const target = n % 2 === 0 ? store : second
    switch (step.do) {
      case 'wait':
        clock.time += step.ms
        break
      case 'put': {
        const value = `v${count++}`
        became(step.key, (await target.put(step.key, value, { ttl: step.ttl })).revision, value, step.ttl)
        break
      }
      case 'del': {
        const wasThere = lives(step.key)
        expect(await target.del(step.key)).toBe(wasThere)
        if (wasThere) became(step.key, (await target.stat()).revision, undefined)
        break
      }
      case 'range': {
        const there = KEYS.filter(lives)
        await target.delRange({ all: true })
        const { revision } = await target.stat()
        for (const key of there) became(key, revision, undefined)
        break
      }
      case 'batch':
      case 'together': {
        const ops = step.ops.map((op) => ({ ...op, value: `v${count++}` }))
        const toOp = ({ key, isPut, value, ttl }: (typeof ops)[0]) =>
          isPut ? ({ type: 'put', key, value, ttl } as const) : ({ type: 'del', key } as const)
        const groups = step.do === 'batch' ? [ops] : ops.map((op) => [op])
        // Writes of one turn share a commit, and have revisions of their own.
        const revisions = await Promise.all(groups.map((group) => target.batch(group.map(toOp))))
        for (const [i, group] of groups.entries())
          for (const { key, isPut, value, ttl } of group)
            became(key, revisions[i]!, isPut ? value : undefined, isPut ? ttl : undefined)
        break
      }
      case 'load': {
        const last = new Map(step.ops.map((op) => [op.key, { ...op, value: `v${count++}` }]))
        const rows = [...last.values()]
          .toSorted((a, b) => (a.key < b.key ? -1 : 1))
          .map(({ key, isPut, value, ttl }): BlockRow => {
            if (!isPut) return [key]
            return ttl === undefined ? [key, value] : [key, value, -ttl]
          })
        if (rows.length === 0) break
        const revision = await target.load([block(rows)])
        for (const { key, isPut, value, ttl } of last.values())
          became(key, revision, isPut ? value : undefined, isPut ? ttl : undefined)
      }
    }
  }
  for (const key of KEYS) {
    const list = states.get(key)!
    const isCurrent = lives(key)
    const expected: Seen[] = []
    for (const [i, { value, revision, time, expires }] of list.entries()) {
      expected.push(value === undefined ? { type: 'del', revision, time } : { type: 'put', revision, time, value })
      // One that ended when the next began was gone at no moment.
      const end = list[i + 1]?.time ?? clock.time + 1
      if (value !== undefined && expires !== undefined && expires < end)
        expected.push({ type: 'expired', time: expires })
    }
    const seen = (await versionsOf(store, key)).map(inShort)
    expect(seen).toEqual(expected.toReversed().slice(0, seen.length))
    // The current value, where there is one, and so many old ones.
    const values = expected.filter(({ type }) => type === 'put').length
    const isStored = list.at(-1)?.value !== undefined
    const kept = seen.filter(({ type }) => type === 'put').length
    expect(kept).toBeGreaterThanOrEqual(Math.min(values, keep))
    expect(kept).toBeLessThanOrEqual(Math.min(values, keep + (isStored || isCurrent ? 1 : 0)))
    const oldest = seen.at(-1)
    for (let time = start; time <= clock.time; time += 7) {
      const state = list.findLast((one) => one.time <= time)
      const wanted = state?.value !== undefined && liveAt(state, time) ? state.value : '-'
      const isKept = kept === values || (oldest?.time ?? 0) <= time
      if (isKept) expect(await textAt(store, key, { time })).toBe(wanted)
      else expect((await failure(() => store.history.at(key, { time }))).code).toBe('KV_HISTORY_GAP')
    }
    for (const { revision, value } of seen.filter(({ type }) => type !== 'expired'))
      expect(await textAt(store, key, { revision: revision! })).toBe(value ?? '-')
  }
  expect((await store.check()).problems).toEqual([])
}

function liveAt({ expires }: State, time: number): boolean {
  return expires === undefined || expires > time
}
