import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Authority, type Certificate, HAS_OPENSSL, HERE } from '../../helpers/certificates.ts'
import { hasEtcd, sharedCluster } from '../../helpers/etcd.ts'
import { errorText, expectRun, kv, kvProcess } from '../../helpers/kv.ts'
import { openTestStore } from '../../helpers/store.ts'

describe.skipIf(!hasEtcd() || !HAS_OPENSSL)('etcd over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kv-tls-'))
  const [ca, others] = [new Authority(folder), new Authority(mkdtempSync(join(folder, 'others-')))]
  const client = ca.sign('DNS:client', { name: 'client' })
  afterAll(() => rmSync(folder, { recursive: true }))

  const flags = ({ cert, key }: Certificate): string[] => ['--cert-file', cert, '--key-file', key]
  const secret = sharedCluster({ tls: true, args: flags(ca.sign(HERE)) })
  const mutual = sharedCluster({
    tls: true,
    args: [...flags(ca.sign(HERE)), '--client-cert-auth', '--trusted-ca-file', ca.cert],
  })
  const elsewhere = sharedCluster({ tls: true, args: flags(ca.sign('DNS:db.example,IP:10.0.0.1')) })
  const expired = sharedCluster({ tls: true, args: flags(ca.sign(HERE, { days: -1 })) })
  const clear = sharedCluster()

  test('of members whose certificate is trusted, named by address or by name', async () => {
    const place = secret().place(`ca=${ca.cert}`)
    await (await openTestStore(place)).put('a', '1')
    expectRun(await kv(['get', 'a', '--store', place.replace('127.0.0.1', 'localhost')]), { stdout: '1' })
    expectRun(await kv(['get', 'a', '--store', place]), { stdout: '1' })
  })

  test('by NODE_EXTRA_CA_CERTS, which Node trusts besides its own', async () => {
    const args = ['put', 'a', '1', '--store', secret().place('tls')]
    expectRun(await kvProcess(args, { env: { NODE_EXTRA_CA_CERTS: ca.cert } }), {})
  })

  test('with a certificate of its own', async () => {
    const place = mutual().place(`ca=${ca.cert}&cert=${client.cert}&key=${client.key}`)
    expectRun(await kv(['put', 'a', '1', '--store', place]), {})
    expectRun(await kv(['get', 'a', '--store', place]), { stdout: '1' })
  })

  test('asks the member that it can, where there is another that it cannot', async () => {
    const [at] = elsewhere().endpoints
    const place = secret().place(`ca=${ca.cert}`).replace('://', `://${at},`)
    for (let i = 0; i < 4; i++) expect(await (await openTestStore(place)).get('a')).toBeUndefined()
  })

  describe('tells at once what is wrong', () => {
    const trust = (): string => `ca=${ca.cert}`
    test.for([
      {
        name: 'a certificate that is not trusted',
        cluster: secret,
        parameters: () => 'tls',
        message: 'the certificate of AT is not trusted: unable to verify the first certificate',
        hint: `name the file of the CA that has signed it: kv --store 'etcd://AT/app?tls&ca=FILE'`,
      },
      {
        name: 'the certificate of another authority',
        cluster: secret,
        parameters: () => `ca=${others.cert}`,
        message: 'the certificate of AT is not trusted: unable to verify the first certificate',
        hint: `name the file of the CA that has signed it: kv --store 'etcd://AT/app?ca=FILE'`,
      },
      {
        name: 'a certificate for another host',
        cluster: elsewhere,
        parameters: trust,
        message: 'the certificate of AT is for db.example, 10.0.0.1',
        hint: 'name the member in the location as its certificate does',
      },
      {
        name: 'a certificate that has expired',
        cluster: expired,
        parameters: trust,
        message: 'the certificate of AT has expired',
        hint: 'renew it; etcd takes a new file without a restart',
      },
      {
        name: 'a member that wants a certificate',
        cluster: mutual,
        parameters: trust,
        message: 'AT wants a certificate from its clients',
        hint: `name one: kv --store 'etcd://AT/app?ca=${ca.cert}&cert=FILE&key=FILE'`,
      },
      {
        name: 'a certificate that a member does not accept',
        cluster: mutual,
        parameters: () => {
          const { cert, key } = others.sign('DNS:client')
          return `ca=${ca.cert}&cert=${cert}&key=${key}`
        },
        message: /^AT does not accept the certificate in \S+\.pem$/,
        hint: 'it must be signed by the CA that etcd was given with --trusted-ca-file',
      },
      {
        name: 'members that speak TLS, named without it',
        cluster: secret,
        parameters: () => '',
        message: 'AT speaks TLS',
        hint: `name the file of its CA: kv --store 'etcd://AT/app?ca=FILE'`,
      },
      {
        name: 'members that do not speak TLS, named with it',
        cluster: clear,
        parameters: trust,
        message: 'AT does not speak TLS',
        hint: 'try it without: kv --store etcd://AT/app',
      },
    ])('$name', async ({ cluster, parameters, message, hint }) => {
      const location = cluster().location('app', parameters())
      const { stderr, code } = await kv(['get', 'a', '--store', location])
      const text = stderr.replaceAll(cluster().endpoints[0]!, 'AT')
      if (typeof message === 'string') expect(text).toBe(errorText(message, 'KV_UNAVAILABLE', hint))
      else
        expect(/^kv: (.*) \(KV_UNAVAILABLE\)\nhint: (.*)\n$/.exec(text)?.slice(1)).toEqual([
          expect.stringMatching(message),
          hint,
        ])
      expect(code).toBe(4)
    })
  })

  describe('refuses files that are of no use', () => {
    const text = join(folder, 'text')
    const other = ca.sign(HERE)
    beforeAll(() => writeFileSync(text, 'hello'))
    test.for<[() => string, () => string]>([
      [() => `ca=${text}`, () => `${text} holds no certificate in PEM`],
      [() => `ca=${ca.key}`, () => `${ca.key} holds no certificate in PEM`],
      [() => `ca=/nowhere`, () => 'cannot read /nowhere: no such file or folder'],
      [
        () => `cert=${client.cert}&key=${other.key}`,
        () => `${client.cert} and ${other.key} are no certificate and its key in PEM`,
      ],
      [
        () => `cert=${client.cert}&key=${text}`,
        () => `${client.cert} and ${text} are no certificate and its key in PEM`,
      ],
    ])('%#', async ([parameters, message]) => {
      expectRun(await kv(['get', 'a', '--store', `etcd://127.0.0.1:1/app?${parameters()}`]), {
        stderr: errorText(message(), 'KV_USAGE'),
        code: 2,
      })
    })
  })
})

describe('what is not etcd', () => {
  test('a web server is told at once', async () => {
    const server: Server = createServer((_, answer) => void answer.end('hello')).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const at = `127.0.0.1:${(server.address() as AddressInfo).port}`
    expectRun(await kv(['get', 'a', '--store', `etcd://${at}`]), {
      stderr: errorText(
        `what answers at ${at} is not etcd`,
        'KV_UNAVAILABLE',
        `check the address: clients of etcd use port 2379; a kv serve is named http://${at}`,
      ),
      code: 4,
    })
  })
})
