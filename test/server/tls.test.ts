import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HAS_OPENSSL, selfSigned } from '../helpers/certificates.ts'
import { errorText, expectRun, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { tempDir } from '../helpers/temp-dir.ts'

describe.skipIf(!HAS_OPENSSL)('kv serve over HTTPS', () => {
  test('serves who trusts its certificate, and tells the others how to', async () => {
    const { cert, key } = selfSigned()
    const { url } = await served(['--cert', cert, '--key', key])
    expect(url).toMatch(/^https:/)
    const env = { NODE_EXTRA_CA_CERTS: cert }
    expectRun(await kvProcess(['put', 'a', '1', '--store', url], { env }), { code: 0 })
    expectRun(await kvProcess(['get', 'a', '--store', url], { env }), { code: 0, stdout: '1' })
    const { code, stderr } = await kvProcess(['get', 'a', '--store', url])
    expect(code).toBe(4)
    expect(stderr).toMatch(
      /^kv: the certificate of https:\S+ is not trusted: .*\(KV_UNAVAILABLE\)\nhint: .*NODE_EXTRA_CA_CERTS\n$/,
    )
  })

  test('ends at SIGTERM whatever has connected and not shaken hands', { timeout: 20_000 }, async () => {
    const { cert, key } = selfSigned()
    const { child, url, run } = await served(['--cert', cert, '--key', key])
    for (const sent of ['', '\x16\x03\x01']) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
      onTestFinished(() => void socket.destroy())
      await once(socket, 'connect')
      socket.write(sent)
    }
    expectRun(await kvProcess(['count', '--store', url], { env: { NODE_EXTRA_CA_CERTS: cert } }), {
      code: 0,
      stdout: '0\n',
    })
    child.kill('SIGTERM')
    expect((await run).code).toBe(0)
  })

  test('a server without it is told as that, in one line and a hint', async () => {
    const { url } = await served([])
    const { code, stderr } = await kvProcess(['get', 'a', '--store', url.replace('http:', 'https:')])
    expect(code).toBe(4)
    expect(stderr).toMatch(/^kv: .* does not speak TLS \(KV_UNAVAILABLE\)\nhint: .*\n$/)
  })

  test('one that has it names https:// to who speaks plain HTTP', async () => {
    const { cert, key } = selfSigned()
    const { url } = await served(['--cert', cert, '--key', key])
    const plain = url.replace('https:', 'http:')
    expectRun(await kvProcess(['count', '--store', plain]), {
      stderr: errorText(`${plain} speaks TLS`, 'KV_UNAVAILABLE', `try it as ${url}`),
      code: 4,
    })
  })

  test('refuses what is no certificate, or not the key of it, with exit 2', async () => {
    const [one, other] = [selfSigned(), selfSigned()]
    const text = join(tempDir(), 'text')
    writeFileSync(text, 'hello')
    for (const [cert, key] of [
      [text, one.key],
      [one.cert, text],
      [one.cert, other.key],
      ['/nowhere', one.key],
    ] as const) {
      const { code, stderr } = await kvProcess(['serve', '--port', '0', '--cert', cert, '--key', key])
      expect([cert, key, code]).toEqual([cert, key, 2])
      expect(stderr).toMatch(/^kv: .*\(KV_USAGE\)\n$/)
    }
  })
})
