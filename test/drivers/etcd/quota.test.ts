import { describe, expect, test } from 'vitest'
import { GrpcTransport } from '../../../src/drivers/etcd/cluster/grpc.ts'
import { hasEtcd, ownCluster } from '../../helpers/etcd.ts'
import { errorText, expectRun, kv, shell } from '../../helpers/kv.ts'
import { failure, openTestStore } from '../../helpers/store.ts'

/** Activates an alarm, for which etcdctl has no command. */
const ACTIVATE_CORRUPT = {
  path: '/etcdserverpb.Maintenance/Alarm',
  encode: () => Uint8Array.of(0x08, 1, 0x18, 2),
  decode: () => undefined,
}

describe.skipIf(!hasEtcd())('etcd', () => {
  test('whose quota is used up says so with the cure, reads and deletes, and is cured by it', async () => {
    const cluster = await ownCluster({ args: ['--quota-backend-bytes=8388608'] })
    const place = cluster.location('app')
    const store = await openTestStore(place)
    const value = new Uint8Array(1_000_000)
    const error = await failure(async () => {
      for (let n = 0; ; n++) await store.put(`big:${n}`, value)
    })
    const at = `etcdctl --endpoints=${cluster.endpoints[0]}`
    expect([error.code, error.message]).toEqual([
      'KV_DISK_FULL',
      `the quota of etcd at ${cluster.endpoints[0]} is used up`,
    ])
    expect(error.elsewhere).toEqual({ message: 'the quota of the store behind this server is used up' })
    expectRun(await kv(['put', 'a', '1', '--store', place]), { stderr: /\(KV_DISK_FULL\)\nhint: /, code: 4 })
    expect((await store.get('big:0'))?.length).toBe(value.length)
    expectRun(await kv(['del', '--prefix', 'big:', '--yes', '--store', place]), { stdout: /^\d+\n$/ })
    const [, cure] = /^delete what can go \(that works\), then: (etcdctl .*)$/.exec(error.hint!)!
    expect(cure!.split(' && ')).toEqual([
      `${at} compact $(${at} get x -w fields | awk '/^"Revision"/ {print $3}')`,
      `${at} defrag`,
      `${at} alarm disarm`,
    ])
    expect((await shell(cure!)).code).toBe(0)
    await store.put('a', '1')
    expect(await store.getText('a')).toBe('1')
  })

  test('with the alarm CORRUPT, which takes no writes, is told as damaged', async () => {
    const cluster = await ownCluster()
    const [at] = cluster.endpoints
    const member = new GrpcTransport(at!, undefined)
    await member.unary(ACTIVATE_CORRUPT, {}, { deadlineMs: 5000 })
    member.close()
    expectRun(await kv(['put', 'a', '1', '--store', cluster.location()]), {
      stderr: errorText(
        `etcd at ${at} has found that its members differ (alarm CORRUPT)`,
        'KV_CORRUPT',
        `replace the member that this names, then disarm the alarm: etcdctl --endpoints=${at} alarm list`,
      ),
      code: 4,
    })
  })

  test('that takes less than the location says tells which number to change', async () => {
    const cluster = await ownCluster({ args: ['--max-txn-ops=4', '--max-request-bytes=10000'] })
    const store = await openTestStore(cluster.location())
    const puts = Array.from({ length: 10 }, (_, n) => ({ type: 'put', key: `k${n}`, value: '' }) as const)
    const tooMany = await failure(() => store.batch(puts))
    expect([tooMany.code, tooMany.hint]).toEqual(['KV_TOO_LARGE', expect.stringContaining('?max-txn-ops=N')])
    const tooLong = await failure(() => store.put('a', new Uint8Array(100_000)))
    expect([tooLong.code, tooLong.hint]).toEqual(['KV_TOO_LARGE', expect.stringContaining('?max-request-bytes=N')])
    const much = await openTestStore(cluster.location('', 'max-request-bytes=10000000'))
    expect((await failure(() => much.put('a', new Uint8Array(5_000_000)))).code).toBe('KV_TOO_LARGE')
    const narrow = await openTestStore(cluster.location('', 'max-txn-ops=4&max-request-bytes=10000'))
    expect((await failure(() => narrow.batch(puts))).message).toMatch(/\b10\b.*\b4\b/)
    expect(await narrow.count()).toBe(0)
  })
})
