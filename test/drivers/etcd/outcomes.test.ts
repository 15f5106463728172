import { describe, expect, onTestFinished, test } from 'vitest'
import type { Condition, KeyCondition, Op } from '../../../src/store/driver/entry.ts'
import { text } from '../../helpers/bytes.ts'
import { block } from '../../conformance/suite.ts'
import { hasEtcd, sharedCluster } from '../../helpers/etcd.ts'
import { failure, failureCode } from '../../helpers/store.ts'
import { type Loss, type LosingWrites, losingWrites } from './losing.ts'

const put = (key: string, value: string): Op => ({ type: 'put', key: text(key), value: text(value) })
const del = (key: string): Op => ({ type: 'del', key: text(key) })
const on = (key: string, condition: Condition): KeyCondition => ({ key: text(key), condition })
const has = (value: string): Condition => ({ type: 'value', value: text(value) })

/** What is there in the end, as `KEY=VALUE@VERSION`: the version tells how often a key was written. */
type Left = readonly string[]

/** The key k has the value 1 at first, unless it is said otherwise; the condition `revision` is about that entry. */
type Row = readonly [
  name: string,
  given: {
    readonly op?: Op
    readonly ops?: readonly Op[]
    readonly condition?: Condition | 'revision'
    readonly conditions?: readonly KeyCondition[]
    readonly isFirst?: boolean
    readonly there?: Left
  },
  loss: { readonly done: boolean; readonly rival?: Op },
  result: unknown,
  left: Left,
]

describe.skipIf(!hasEtcd())('a write whose answer is lost', () => {
  const cluster = sharedCluster()

  const rows: readonly Row[] = [
    ['a put that was done', { op: put('k', '2') }, { done: true }, { applied: true, created: false }, ['k=2@2']],
    ['a put that was not', { op: put('k', '2') }, { done: false }, { applied: true, created: false }, ['k=2@2']],
    ['a put of a new key', { op: put('n', '2') }, { done: true }, { applied: true, created: true }, ['k=1@1', 'n=2@1']],
    [
      'one that was not done',
      { op: put('n', '2') },
      { done: false },
      { applied: true, created: true },
      ['k=1@1', 'n=2@1'],
    ],
    ['a put of the same again', { op: put('k', '1') }, { done: true }, { applied: true, created: false }, ['k=1@2']],
    ['one that was not done', { op: put('k', '1') }, { done: false }, { applied: true, created: false }, ['k=1@2']],
    [
      'a put, and another writes',
      { op: put('k', '2') },
      { done: false, rival: put('k', '3') },
      { applied: true },
      ['k=2@3'],
    ],
    ['the first put of a process', { op: put('k', '2'), isFirst: true }, { done: true }, { applied: true }, ['k=2@2']],
    ['one that was not done', { op: put('k', '2'), isFirst: true }, { done: false }, { applied: true }, ['k=2@2']],

    ['a delete that was done', { op: del('k') }, { done: true }, true, []],
    ['a delete that was not', { op: del('k') }, { done: false }, true, []],
    ['a delete of nothing', { op: del('n') }, { done: true }, false, ['k=1@1']],
    ['the first delete of a process', { op: del('k'), isFirst: true }, { done: true }, 'KV_UNKNOWN_OUTCOME', []],
    ['one that was not done', { op: del('k'), isFirst: true }, { done: false }, true, []],

    [
      'a batch that was done',
      { ops: [put('a', '1'), put('k', '2'), del('x')] },
      { done: true },
      'a revision',
      ['a=1@1', 'k=2@2'],
    ],
    [
      'a batch that was not',
      { ops: [put('a', '1'), put('k', '2'), del('x')] },
      { done: false },
      'a revision',
      ['a=1@1', 'k=2@2'],
    ],
    [
      'a batch, and another writes',
      { ops: [put('a', '1'), put('k', '2')] },
      { done: true, rival: put('a', '3') },
      'a revision',
      ['a=3@2', 'k=2@2'],
    ],
    [
      'a batch, and another deletes',
      { ops: [put('a', '1'), put('k', '2')] },
      { done: true, rival: del('a') },
      'a revision',
      ['k=2@2'],
    ],
    ['deletes that were done', { ops: [del('k'), del('x')] }, { done: true }, 'a revision', []],
    ['deletes that were not', { ops: [del('k'), del('x')] }, { done: false }, 'a revision', []],

    // Nobody can tell it from the same write of another.
    [
      'a put over a revision that was done',
      { op: put('k', '2'), condition: 'revision' },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      ['k=2@2'],
    ],
    [
      'a put over a revision that was not',
      { op: put('k', '2'), condition: 'revision' },
      { done: false },
      { applied: true },
      ['k=2@2'],
    ],
    [
      'one that came too late',
      { op: put('k', '2'), condition: 'revision' },
      { done: false, rival: put('k', '3') },
      { applied: false },
      ['k=3@2'],
    ],
    [
      'one that comes too late for the same',
      { op: put('k', '2'), condition: 'revision' },
      { done: false, rival: put('k', '2') },
      'KV_UNKNOWN_OUTCOME',
      ['k=2@2'],
    ],
    [
      'one that was replaced',
      { op: put('k', '2'), condition: 'revision' },
      { done: true, rival: put('k', '3') },
      'KV_UNKNOWN_OUTCOME',
      ['k=3@3'],
    ],
    [
      'a put of what is absent that was done',
      { op: put('n', '2'), condition: { type: 'absent' } },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      ['k=1@1', 'n=2@1'],
    ],
    [
      'a put of what is absent that was not',
      { op: put('n', '2'), condition: { type: 'absent' } },
      { done: false },
      { applied: true, created: true },
      ['k=1@1', 'n=2@1'],
    ],
    [
      'one that came too late',
      { op: put('n', '2'), condition: { type: 'absent' } },
      { done: false, rival: put('n', '3') },
      { applied: false },
      ['k=1@1', 'n=3@1'],
    ],
    [
      'one of what is there',
      { op: put('k', '2'), condition: { type: 'absent' } },
      { done: true },
      { applied: false },
      ['k=1@1'],
    ],
    [
      'a put over a value that was done',
      { op: put('k', '2'), condition: has('1') },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      ['k=2@2'],
    ],
    [
      'a put over a value that was not',
      { op: put('k', '2'), condition: has('1') },
      { done: false },
      { applied: true },
      ['k=2@2'],
    ],
    [
      'a delete of a revision that was done',
      { op: del('k'), condition: 'revision' },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      [],
    ],
    ['a delete of a revision that was not', { op: del('k'), condition: 'revision' }, { done: false }, true, []],
    [
      'a delete of a revision that is not there',
      { op: del('k'), condition: { type: 'revision', revision: 1 } },
      { done: true },
      false,
      ['k=1@1'],
    ],
    [
      'a batch over a value that was done',
      { ops: [put('a', '1'), del('k')], conditions: [on('k', has('1'))] },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      ['a=1@1'],
    ],
    [
      'a batch over a value that was not',
      { ops: [put('a', '1'), del('k')], conditions: [on('k', has('1'))] },
      { done: false },
      'a revision',
      ['a=1@1'],
    ],
    [
      'a batch over the value of another key',
      { ops: [put('a', '1')], conditions: [on('k', has('1'))] },
      { done: false },
      'a revision',
      ['a=1@1', 'k=1@1'],
    ],
    [
      'one that was done',
      { ops: [put('a', '1')], conditions: [on('k', has('1'))] },
      { done: true },
      'KV_UNKNOWN_OUTCOME',
      ['a=1@1', 'k=1@1'],
    ],
  ]
  test.for(rows)(
    '%s',
    async ([, { op, ops, condition, conditions = [], isFirst = false }, { done, rival }, result, left]) => {
      const prefix = `${new URL(cluster().place()).pathname.slice(1)}/`
      const opened = losingWrites(cluster(), prefix)
      const other = losingWrites(cluster(), prefix)
      onTestFinished(async () => {
        await opened.close()
        await other.close()
      })
      const revision = await other.writes.batch([put('k', '1')])
      if (!isFirst) await opened.writes.batch([])
      opened.lose({ done, after: rival && (() => other.writes.batch([rival])) } satisfies Loss)
      const options = { condition: condition === 'revision' ? ({ type: 'revision', revision } as const) : condition }
      const write = async (): Promise<unknown> => {
        if (op === undefined) return (await opened.writes.batch(ops!, { conditions })) > revision && 'a revision'
        return op.type === 'put' ? opened.writes.put(op.key, op.value, options) : opened.writes.del(op.key, options)
      }
      const got = await write().catch((error) => error.code ?? error)
      if (typeof result === 'object') expect(got).toMatchObject(result!)
      else expect(got).toBe(result)
      expect(opened.left).toBe(0)
      const { kvs = [] } = JSON.parse(await cluster().ctl('get', '--prefix', prefix, '-w', 'json')) as {
        kvs?: { key: string; value: string; version: number }[]
      }
      const plain = (base64: string): string => Buffer.from(base64, 'base64').toString()
      expect(
        kvs.map(({ key, value, version }) => `${plain(key).slice(prefix.length)}=${plain(value)}@${version}`),
      ).toEqual(left)
    },
  )

  /** Two writers of the same keys, of which answers to the first get lost. */
  async function writers(): Promise<Record<'opened' | 'other', LosingWrites>> {
    const prefix = `${new URL(cluster().place()).pathname.slice(1)}/`
    const both = { opened: losingWrites(cluster(), prefix), other: losingWrites(cluster(), prefix) }
    onTestFinished(async () => {
      await both.opened.close()
      await both.other.close()
    })
    return both
  }

  const everything = { start: undefined, end: undefined, reverse: false, limit: Infinity, keysOnly: true }
  test.for([
    ['that was not done is done', { done: false }, undefined, 2],
    ['counts what is there then', { done: false }, put('c', '1'), 3],
    ['that was done cannot be counted', { done: true }, undefined, 'KV_UNKNOWN_OUTCOME'],
    ['that was done is not done again to what was put later', { done: true }, put('c', '1'), 'KV_UNKNOWN_OUTCOME'],
  ] as const)('a delete of a range %s', async ([, loss, rival, result]) => {
    const { opened, other } = await writers()
    await other.writes.batch([put('a', '1'), put('b', '1')])
    opened.lose({ ...loss, after: rival && (() => other.writes.batch([rival])) })
    expect(await opened.writes.delRange(everything).catch((error) => error.code)).toBe(result)
    expect(await other.writes.delRange(everything)).toBe(rival !== undefined && loss.done ? 1 : 0)
  })

  test.for([
    ['done', { done: true }, false, 0],
    ['not done', { done: false }, false, 0],
    ['done, of what is absent', { done: true }, true, 1],
    ['not done, of what is absent', { done: false }, true, 1],
  ] as const)('a part of a load: %s', async ([, loss, ifAbsent, existing]) => {
    const { opened, other } = await writers()
    await other.writes.batch([put('b', '1')])
    await opened.writes.batch([])
    const part = block([['a', '2'], ['b', '2'], ['c', '2', Date.UTC(2100, 0, 1)], ['d']])
    opened.lose(loss, loss)
    expect(await opened.writes.loadPart(part, { ifAbsent })).toMatchObject({ existing })
    for (const [key, value] of [
      ['a', '2'],
      ['b', ifAbsent ? '1' : '2'],
      ['c', '2'],
    ] as const)
      expect(await other.writes.del(text(key), { condition: has(value) })).toBe(true)
  })

  test('a write that is stopped while it is under way ends as unknown, one stopped before as interrupted', async () => {
    const { opened, other } = await writers()
    for (const done of [true, false]) {
      const stop = new AbortController()
      opened.lose({ done, after: async () => stop.abort() })
      const write = () => opened.writes.put(text('k'), text(`${done}`), { signal: stop.signal })
      expect(await failureCode(write)).toBe('KV_UNKNOWN_OUTCOME')
      expect(await failureCode(write)).toBe('KV_INTERRUPTED')
    }
    expect(await other.writes.del(text('k'), { condition: has('true') })).toBe(true)
  })

  test('when time is up the outcome is unknown, all or nothing', async () => {
    const place = `${new URL(cluster().place()).pathname.slice(1)}/`
    const opened = losingWrites(cluster(), place, { totalMs: 300 })
    onTestFinished(() => opened.close())
    opened.lose(...Array.from({ length: 10_000 }, () => ({ done: false })))
    expect(await failure(() => opened.writes.put(text('k'), text('v')))).toMatchObject({
      code: 'KV_UNKNOWN_OUTCOME',
      message: expect.stringContaining('may or may not have been applied (all or nothing)'),
    })
  })
})
