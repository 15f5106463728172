import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../../src/index.ts'
import { hasEtcd, ownCluster, sharedCluster } from '../../helpers/etcd.ts'
import { PASSWORDS, locationFor, passwordFile, withUsers } from '../../helpers/etcd-users.ts'
import { type Expected, errorText, expectRun, kv } from '../../helpers/kv.ts'
import { served } from '../../helpers/serve.ts'
import { failure, openTestStore } from '../../helpers/store.ts'
import { needTerminal, terminal } from '../../helpers/terminal.ts'

/** A cheap check of passwords. */
const args = ['--bcrypt-cost=4']
const skip = !hasEtcd()

describe.skipIf(skip)('users of etcd', () => {
  const cluster = sharedCluster({ args })
  beforeAll(() => withUsers(cluster()))

  /** The location with a user and without the file of the password. */
  const named = (user: string): string => cluster().location('app').replace('://', `://${user}@`)
  const endpoint = (): string => cluster().endpoints[0]!

  describe('one who may read and write the keys of a store', () => {
    // In this order: each finds what those before it left.
    const steps: readonly ({ args: readonly string[]; input?: string } & Expected)[] = [
      { args: ['put', 'role:a', '1'] },
      { args: ['get', 'role:a'], stdout: '1' },
      { args: ['get', 'role:a', 'role:b'], stdout: '{"key":"role:a","value":"1"}\n', stderr: /role:b/, code: 1 },
      { args: ['range', '--prefix', 'role:'], stdout: '{"key":"role:a","value":"1"}\n' },
      { args: ['range', '--keys', '--limit', '1'], stdout: 'role:a\n' },
      { args: ['count'], stdout: '1\n' },
      { args: ['incr', 'role:a'], stdout: '2\n' },
      { args: ['ttl', 'role:a'], stdout: 'none\n' },
      { args: ['expire', 'role:a', '1h'], stdout: '3600\n' },
      { args: ['persist', 'role:a'], stdout: 'none\n' },
      { args: ['put', 'role:b', '2', '--ttl', '1h'] },
      { args: ['put', 'role:b', '3', '--if-value', '2'] },
      { args: ['rename', 'role:b', 'role:c'], stdout: '1\n' },
      { args: ['batch-put', '-q'], input: '{"key":"role:d","value":"4"}\n{"key":"role:e","value":"5"}\n' },
      { args: ['ls'], stdout: 'role:\n' },
      { args: ['du', 'role:'], stdout: /total\n$/ },
      { args: ['lock', 'role:lock', '--', 'true'] },
      { args: ['watch', 'role:a', '--initial', '--limit', '1', '-q', '--json'], stdout: /"role:a"/ },
      { args: ['stat', '--json'], stdout: /"entries":4\b/ },
      { args: ['del', 'role:a'], stdout: '1\n' },
      { args: ['del', '--prefix', 'role:', '--yes'], stdout: '3\n' },
      { args: ['del', '--all', '--yes'], stdout: '0\n' },
    ]
    test.for(steps)('$args', async ({ args, input, ...expected }) => {
      const options = input === undefined ? {} : { input }
      expectRun(await kv([...args, '--store', locationFor(cluster(), 'bob')], options), expected)
    })
  })

  test('one who may only read is told so of a write, with what would allow it', async () => {
    const eve = locationFor(cluster(), 'eve')
    expectRun(await kv(['put', 'eve', '1', '--store', locationFor(cluster(), 'bob')]), {})
    expectRun(await kv(['get', 'eve', '--store', eve]), { stdout: '1' })
    for (const args of [
      ['put', 'eve', '2'],
      ['del', 'eve'],
      ['del', '--all', '--yes'],
    ]) {
      expectRun(await kv([...args, '--store', eve]), {
        stderr: errorText(
          `user eve may not write these keys of etcd at ${endpoint()}`,
          'KV_DENIED',
          `somebody with the role root can allow it: etcdctl --endpoints=${endpoint()} --user=root role grant-permission ROLE readwrite --prefix=true app/`,
        ),
        code: 4,
      })
    }
    expectRun(await kv(['get', 'eve', '--store', eve]), { stdout: '1' })
  })

  test.for([['range'], ['get', 'a'], ['count'], ['watch', '--all', '-q']])(
    'one whose store is another may not read it: %s',
    async (args) => {
      expectRun(await kv([...args, '--store', locationFor(cluster(), 'bob', 'other')]), {
        stderr: errorText(
          `user bob may not read these keys of etcd at ${endpoint()}`,
          'KV_DENIED',
          `somebody with the role root can allow it: etcdctl --endpoints=${endpoint()} --user=root role grant-permission ROLE read --prefix=true other/`,
        ),
        code: 4,
      })
    },
  )

  test('root may use the store of all keys', async () => {
    const store = await openTestStore(locationFor(cluster(), 'root', ''))
    await store.put('whole', '1')
    expect(await store.getText('whole')).toBe('1')
    expect(await store.count({ prefix: 'whole' })).toBe(1)
  })

  test('a wrong password, no user, and a user without a password are told with the way out', async () => {
    const wrong = passwordFile('wrong')
    expectRun(await kv(['get', 'a', '--store', `${named('bob')}?password-file=${wrong}`]), {
      stderr: errorText(
        `etcd at ${endpoint()} does not accept user bob with this password`,
        'KV_DENIED',
        `name the file of the right one: kv --store '${named('bob')}?password-file=FILE'`,
      ),
      code: 4,
    })
    expectRun(await kv(['get', 'a', '--store', cluster().location('app')]), {
      stderr: errorText(
        `etcd at ${endpoint()} wants to know who is asking`,
        'KV_DENIED',
        `name a user: kv --store '${named('USER')}?password-file=FILE'`,
      ),
      code: 4,
    })
    const noPassword = errorText(
      'the user of this store needs a password',
      'KV_USAGE',
      'set KV_PASSWORD_FILE to a file that holds it, or name that in the location: ?password-file=FILE',
    )
    expectRun(await kv(['get', 'a', '--store', named('bob')]), { stderr: noPassword, code: 2 })
    expectRun(await kv(['get', 'a', '--store', named('bob')], { env: { KV_PASSWORD_FILE: wrong } }), {
      stderr: /does not accept user bob with this password \(KV_DENIED\)\n/,
      code: 4,
    })
  })

  test('the password comes from KV_PASSWORD_FILE where the location names no file, and from the library', async () => {
    const env = { KV_PASSWORD_FILE: passwordFile(PASSWORDS.bob) }
    expectRun(await kv(['put', 'env', '1', '--store', named('bob')], { env }), {})
    await using store = await openStore(cluster().location('app'), {
      credentials: { user: 'bob', password: PASSWORDS.bob },
    })
    expect(await store.getText('env')).toBe('1')
    for (const credentials of [{ password: 'x' }, { user: 'bob' }]) {
      await expect(openStore(cluster().location('app'), { credentials })).rejects.toMatchObject({ code: 'KV_USAGE' })
    }
  })

  describe('on a terminal', () => {
    beforeEach((context) => needTerminal(context))

    test.for(['xterm-256color', 'dumb'])('the password is asked for, and not shown (TERM=%s)', async (TERM) => {
      const tty = terminal(['put', `tty:${TERM}`, '1', '--store', named('bob')], { env: { TERM } })
      await tty.waitFor(/Password of bob:/)
      tty.send(`${PASSWORDS.bob}\r`)
      expect((await tty.ended).code).toBe(0)
      expect(tty.raw).not.toContain('own')
      const env = { KV_PASSWORD_FILE: passwordFile(PASSWORDS.bob) }
      expectRun(await kv(['get', `tty:${TERM}`, '--store', named('bob')], { env }), { stdout: '1' })
    })

    test('once for a session, also for the stores that its lines name', async () => {
      const tty = terminal(['--store', named('bob')])
      await tty.waitFor(/Password of bob:/)
      tty.send(`${PASSWORDS.bob}\r`)
      await tty.waitFor(/\.help for help/)
      tty.send('put session yes\r')
      await tty.waitFor(/put session/)
      tty.send(`get session --store ${named('bob')} --timeout 20s\r`)
      await tty.waitFor(/^yes/m)
      tty.send('.exit\r')
      expect((await tty.ended).code).toBe(0)
      expect(tty.raw).not.toContain('own')
    })

    test('not with --no-input, and Ctrl-C at the question ends kv', async () => {
      const silent = terminal(['get', 'a', '--store', named('bob'), '--no-input'])
      expect((await silent.ended).code).toBe(2)
      const tty = terminal(['get', 'a', '--store', named('bob')])
      await tty.waitFor(/Password of bob:/)
      tty.send('\u0003')
      expect((await tty.ended).code).toBe(130)
    })
  })

  test('a server tells its clients nothing of the cluster', async () => {
    const { url } = await served(['--store', locationFor(cluster(), 'eve')])
    const { stderr, code } = await kv(['put', 'a', '1', '--store', url])
    expect(code).toBe(4)
    expect(stderr).toMatch(/the store behind this server does not let it do that \(KV_DENIED\)/)
    expect(stderr).not.toMatch(/etcdctl|password/)
    expect(stderr).not.toContain(endpoint())
  })
})

describe.skipIf(skip)('a login', () => {
  test('is made again when the members have lost their tokens, and when the users changed', async () => {
    const cluster = await ownCluster({ args })
    await withUsers(cluster)
    const store = await openTestStore(locationFor(cluster, 'bob'))
    await store.put('a', '1')
    const [member] = cluster.members
    await member!.restart()
    expect((await store.stat()).entries).toBe(1)
    await member!.restart()
    await store.put('a', '2')
    await cluster.ctl('role', 'grant-permission', 'eve', 'read', 'more', `--user=root:${PASSWORDS.root}`)
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.put(`k${n}`, 'v')))
    expect(await store.count()).toBe(21)
    await cluster.ctl('auth', 'disable', `--user=root:${PASSWORDS.root}`)
    expect(await store.getText('a')).toBe('2')
  })

  test('that is under way ends with the signal of its call, and with the store', async () => {
    // Nobody answers there.
    const place = 'etcd://bob@192.0.2.1:2379/app'
    const credentials = { user: 'bob', password: PASSWORDS.bob }
    const store = await openStore(place, { credentials })
    const stop = new AbortController()
    const [stopped, closed] = [failure(() => store.get('a', { signal: stop.signal })), failure(() => store.get('b'))]
    stop.abort()
    expect((await stopped).code).toBe('KV_INTERRUPTED')
    await store.close()
    expect((await closed).code).toBe('KV_CLOSED')
  })

  test('is not needed where etcd knows no users, and made once it does', async () => {
    const cluster = await ownCluster({ args })
    const store = await openTestStore(locationFor(cluster, 'bob'))
    await store.put('a', '1')
    await withUsers(cluster)
    expect(await store.getText('a')).toBe('1')
  })
})
