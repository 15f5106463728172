import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'
import { kvProcess, startNode } from '../../helpers/kv.ts'
import { failure, failureCode, openTestStore } from '../../helpers/store.ts'

describe.skipIf(!hasEtcd())('a cluster', () => {
  describe('of one member', () => {
    const cluster = sharedCluster()
    const dead = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', '127.0.0.1:4', '127.0.0.1:5']

    test('what is put can be read, and lies in etcd as it was put', async () => {
      const place = cluster().place()
      const store = await openTestStore(place)
      await store.put('k', 'v')
      expect(await store.getText('k')).toBe('v')
      expect(await cluster().ctl('get', '--print-value-only', `${new URL(place).pathname.slice(1)}/k`)).toBe('v\n')
    })

    test('is found behind addresses where nothing listens', async () => {
      const place = cluster().place()
      const store = await openTestStore(place.replace('//', `//${dead.join(',')},`))
      expect(await store.put('k', 'v')).toMatchObject({ applied: true, created: true })
      expect(await store.getText('k')).toBe('v')
    })

    test('is found behind an address that lets nobody connect, which does not keep the process', async () => {
      const place = cluster().place()
      expect(await kvProcess(['put', 'k', 'v'], { store: place })).toMatchObject({ code: 0 })
      // The first that is asked is mostly one of them.
      const store = place.replace('//', `//${await silentAddress()},${await silentAddress()},`)
      expect(await kvProcess(['get', 'k'], { store })).toMatchObject({ code: 0, stdout: Buffer.from('v') })
    })
  })

  test('that does not run is told of with each address', async () => {
    const store = await openTestStore('etcd://127.0.0.1:1,127.0.0.1:2', { timeoutMs: 200 })
    expect(await failure(() => store.get('k'))).toMatchObject({
      code: 'KV_UNAVAILABLE',
      message: 'no answer from etcd at 127.0.0.1:1, 127.0.0.1:2: nothing listens there',
      hint: 'check the addresses; clients of etcd use port 2379',
    })
    expect(await failureCode(() => store.put('k', 'v'))).toBe('KV_UNAVAILABLE')
  })

  test('that hangs lets go of who waits for it', async () => {
    const cluster = await ownCluster()
    const connected = await openTestStore(cluster.location())
    await connected.put('k', 'v')
    const [member] = cluster.members
    member!.signal('SIGSTOP')
    const unconnected = await openTestStore(cluster.location())
    for (const store of [connected, unconnected]) {
      const stop = new AbortController()
      const failed = failureCode(() => store.get('k', { signal: stop.signal }))
      stop.abort()
      expect(await failed).toBe('KV_INTERRUPTED')
    }
    const stop = new AbortController()
    const failed = failureCode(() => unconnected.put('k', 'w', { signal: stop.signal }))
    stop.abort()
    expect(await failed).toBe('KV_INTERRUPTED')
    const short = await openTestStore(cluster.location(), { timeoutMs: 300 })
    expect(await failureCode(() => short.get('k'))).toBe('KV_UNAVAILABLE')
    const read = failureCode(() => connected.get('k'))
    await connected.close()
    expect(await read).toBe('KV_CLOSED')
    member!.signal('SIGCONT')
    expect(await unconnected.getText('k')).toBe('v')
  })

  test('of three goes on without its leader, which comes back', async () => {
    const cluster = await ownCluster({ members: 3 })
    const store = await openTestStore(cluster.location())
    await store.put('k', 'v')
    const leader = await cluster.leader()
    await leader.kill()
    expect(await store.getText('k')).toBe('v')
    await leader.restart()
    expect(await leader.isLeader()).toBe(false)
  })
})

/** An address at which a connection is neither accepted nor refused: the queue of who listens there is full. */
async function silentAddress(): Promise<string> {
  const listener = startNode(['-e', LISTENS])
  const [line] = (await once(listener.stdout!, 'data')) as [Buffer]
  const port = Number(line.toString())
  const sockets: Socket[] = []
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()))
  for (let n = 0; n < 4; n++) sockets.push(connect(port, '127.0.0.1').on('error', () => {}))
  await once(sockets[1]!, 'connect')
  return `127.0.0.1:${port}`
}

/** Listens, and then does nothing any more. */
const LISTENS = `
require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
  require('node:fs').writeSync(1, String(this.address().port))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`
