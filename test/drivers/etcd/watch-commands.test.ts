import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { hasEtcd, sharedCluster } from '../../helpers/etcd.ts'
import { ended, expectRun, givenStore, kv, startKv } from '../../helpers/kv.ts'
import { served } from '../../helpers/serve.ts'
import { openTestStore } from '../../helpers/store.ts'
import { block } from '../../conformance/suite.ts'
import { EventStream } from '../../server/event-stream.ts'

/** A line of `kv watch --json`. */
interface Line {
  readonly type: 'put' | 'del'
  readonly key: string
  readonly value?: string
  readonly expires?: string
  readonly position: string
}

const told = ({ type, key, value }: Line): string => `${type} ${key}${value === undefined ? '' : `=${value}`}`

describe.skipIf(!hasEtcd())('watches of a store in etcd from the command line', () => {
  const cluster = sharedCluster()

  test('kv watch begins with what is there, and goes on after a change', async () => {
    const place = cluster().place()
    const store = await openTestStore(place)
    await store.put('a', '1')
    await store.put('b', '2', { ttl: 3_600_000 })
    const child = startKv(['watch', '--all', '--initial', '--limit', '4', '--json', '--store', place])
    const run = ended(child)
    const lines: Line[] = []
    for await (const line of createInterface({ input: child.stdout! })) {
      lines.push(JSON.parse(line) as Line)
      if (lines.length === 2)
        await store.batch([
          { type: 'del', key: 'a' },
          { type: 'put', key: 'c', value: '3' },
        ])
    }
    expect((await run).code).toBe(0)
    expect(lines.map(told)).toEqual(['put a=1', 'put b=2', 'del a', 'put c=3'])
    expect(lines[1]!.expires).toMatch(/^20/)
    expect(lines[0]!.position).toBe('partial')
    const after = (position: string): Promise<unknown> =>
      kv(['watch', '--all', '--after', position, '--limit', '1', '--json', '--quiet', '--store', place])
    expectRun((await after(lines[2]!.position)) as never, { stdout: `${JSON.stringify(lines[3])}\n` })
    expectRun((await after('partial')) as never, { stderr: /KV_WATCH_GAP.*\nhint: begin again.*--initial/, code: 4 })
    expectRun((await after('nonsense')) as never, { stderr: /KV_USAGE/, code: 2 })
  })

  test('kv watch runs a command for each change', async () => {
    const place = cluster().place()
    const child = startKv(['watch', 'k', '--limit', '2', '--store', place, '--', 'sh', '-c', 'echo "$KV_TYPE $(cat)"'])
    const run = ended(child)
    await new Promise((resolve) => child.stderr!.once('data', resolve))
    const store = await openTestStore(place)
    await store.put('other', '')
    await store.put('k', 'v')
    await store.del('k')
    const { stdout, code } = await run
    expect({ stdout: stdout.toString(), code }).toEqual({ stdout: 'put v\ndel \n', code: 0 })
  })

  test.for(['to a file', 'from a file'])('kv copy --follow %s', async (way) => {
    const [file, place] = [await givenStore([['a', '1']]), cluster().place()]
    const [from, to] = way === 'to a file' ? [place, file] : [file, place]
    const [source, target] = [await openTestStore(from), await openTestStore(to)]
    await source.put('a', '2')
    const child = startKv(['copy', from, to, '--follow', '--json'])
    const run = ended(child)
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    while (!(await lines.next()).value!.includes('copied'));
    await source.load([block(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'v']))], { atomic: false })
    await source.put('last', '', { expires: Date.UTC(2100, 0, 1) })
    while (!(await target.has('last'))) await lines.next()
    expect(await target.count()).toBe(1002)
    expect(await target.getEntry('last')).toMatchObject({ expires: Date.UTC(2100, 0, 1) })
    child.kill('SIGINT')
    expect((await run).code).toBe(130)
  })

  test('kv serve hands its watches on, and a client goes on after what it has seen, at another server too', async () => {
    const place = cluster().place()
    const [one, other] = [await served([], { store: place }), await served([], { store: place })]
    const watch = await EventStream.open(one.url, '/v1/watch?key=k')
    expect(await watch.event()).toMatchObject({ event: 'ready' })
    const store = await openTestStore(other.url)
    await store.put('k', '1', { ttl: 1000 })
    const put = await watch.event()
    expect(put).toMatchObject({ event: 'put' })
    expect(await watch.event()).toMatchObject({ event: 'del' })
    one.child.kill('SIGKILL')
    const again = await EventStream.open(other.url, '/v1/watch?key=k', { 'last-event-id': put.id! })
    expect(await again.event()).toMatchObject({ event: 'ready' })
    expect(await again.event()).toMatchObject({ event: 'del' })
  })
})
