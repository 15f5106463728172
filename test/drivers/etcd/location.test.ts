import { describe, expect, test } from 'vitest'
import { isSameStore, shortLocation } from '../../../src/drivers/location.ts'
import { type EtcdLocation, parseEtcdLocation } from '../../../src/drivers/etcd/location.ts'
import { openStore } from '../../../src/index.ts'

const parsed = (location: string): Omit<EtcdLocation, 'prefix'> & { prefix: string } => {
  const { prefix, ...rest } = parseEtcdLocation(location)
  return { ...rest, prefix: Buffer.from(prefix).toString() }
}

describe('a location of a store in etcd', () => {
  test('has members, a prefix, TLS, a user and what the members were told', () => {
    expect(parsed('etcd://h')).toEqual({
      endpoints: ['h:2379'],
      prefix: '',
      tls: undefined,
      user: undefined,
      passwordFile: undefined,
      maxTxnOps: 128,
      maxRequestBytes: 1_572_864,
      tryMs: 2000,
    })
    const query = 'ca=/a+b/ca%20.pem&cert=c&key=k&password-file=p&max-txn-ops=9&max-request-bytes=99&try-timeout=500ms'
    expect(parsed(`etcd://ann%40x@h1,h2:1,[::1]:3,[::2]/app/?${query}`)).toEqual({
      endpoints: ['h1:2379', 'h2:1', '[::1]:3', '[::2]:2379'],
      prefix: 'app/',
      tls: { ca: '/a+b/ca .pem', cert: 'c', key: 'k' },
      user: 'ann@x',
      passwordFile: 'p',
      maxTxnOps: 9,
      maxRequestBytes: 99,
      tryMs: 500,
    })
  })

  test.for([
    ['etcd://h', ''],
    ['etcd://h/', ''],
    ['etcd://h/a', 'a/'],
    ['etcd://h/a/', 'a/'],
    ['etcd://h/a/b', 'a/b/'],
    ['etcd://h//registry', '/registry/'],
    ['etcd://h/a%20b%3f%2f%C3%A4', 'a b?/ä/'],
    ['ETCD://h/a', 'a/'],
  ])('%s has the prefix %j', ([location, prefix]) => {
    expect(parsed(location!).prefix).toBe(prefix)
  })

  test.for([
    ['etcd://h?tls', true],
    ['etcd://h/?tls=true', true],
    ['etcd://h?ca=f', true],
    ['etcd://h?tls=false', false],
    ['etcd://h', false],
  ] as const)('%s speaks TLS: %s', ([location, isTls]) => {
    expect(parseEtcdLocation(location).tls !== undefined).toBe(isTls)
  })

  test.for([
    ['etcd:', /^not the address of an etcd cluster: etcd:$/, /etcd:\/\/HOST:PORT,HOST:PORT\/PREFIX/],
    ['etcd://', /^not the address/, /HOST/],
    ['etcd:///app', /^not the address/, /HOST/],
    ['etcd://a,,b', /^not the address/, /HOST/],
    ['etcd://a, b/', /^not the address/, /HOST/],
    ['etcd://h:x', /^not the address/, /HOST/],
    ['etcd://::1', /^not the address of an etcd member: ::1$/, /brackets: etcd:\/\/\[::1\]/],
    ['etcd://h:0', /^not a port: 0$/, /2379/],
    ['etcd://h:65536', /^not a port: 65536$/, /2379/],
    ['etcd://h/a%', /^not the address/, /%25/],
    ['etcd://h/?ca=%zz', /^not the address/, /%25/],
    ['etcd://h?colour=red', /no parameter colour$/, /password-file/],
    ['etcd://h?ca', /parameter ca .* needs a value$/, undefined],
    ['etcd://h?tls=maybe', /^tls is true or false, not maybe$/, undefined],
    ['etcd://h?cert=f', /^a certificate needs its key/, undefined],
    ['etcd://h?key=f', /^a certificate needs its key/, undefined],
    ['etcd://h?max-txn-ops=0', /^max-txn-ops must be a number above 0, not 0$/, undefined],
    ['etcd://h?max-request-bytes=1MB', /^max-request-bytes must be a number/, undefined],
    ['etcd://h?try-timeout=soon', /try-timeout/, undefined],
    ['etcd://ann:secret@h', /^a location with a password/, /password-file=FILE/],
    ['etcd://ann:secret@h h', /^(?!.*secret)/, undefined],
    ['etcd://ann:sec/ret@h', /^(?!.*ret@)/, undefined],
  ] as const)('%s is refused', async ([location, message, hint]) => {
    const refused = expect.objectContaining({
      code: 'KV_USAGE',
      message: expect.stringMatching(message) as string,
      ...(hint && { hint: expect.stringMatching(hint) as string }),
    }) as Error
    await expect(openStore(location)).rejects.toThrow(refused)
  })

  test.for([
    ['etcd://h1/app', 'etcd://h1:2379/app/', true],
    ['etcd://h1,h2/app', 'etcd://H2,h3/app?tls', true],
    ['etcd://ann@h1/app', 'etcd://h1/app', true],
    ['etcd://h1/app', 'etcd://h1/other', false],
    ['etcd://h1/app', 'etcd://h1/app/b', false],
    ['etcd://h1/app', 'etcd://h2/app', false],
    ['etcd://h1/app', 'http://h1/app', false],
    ['http://h1:8003', 'http://h1:8003/', true],
    ['http://ann@h1', 'http://h1', false],
  ] as const)('%s and %s are one store: %s', ([a, b, same]) => {
    expect(isSameStore({ location: a }, { location: b })).toBe(same)
  })

  test.for([
    ['etcd://h1/app', 'etcd://h1/app'],
    ['etcd://ann@h1:1,h2:2/app?ca=f', 'etcd://h1:1,\u2026/app'],
    ['etcd:nothing', 'etcd:nothing'],
    ['/tmp/a.kv', 'a.kv'],
  ])('%s is %s in a prompt', ([location, short]) => {
    expect(shortLocation(location!)).toBe(short)
  })
})
