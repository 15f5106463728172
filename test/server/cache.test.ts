import { expect, test } from 'vitest'
import { expectRun, kv, kvProcess } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'

async function read(url: string, key: string): Promise<unknown> {
  const response = await fetch(`${url}/read/${key}`)
  const { data } = (await response.json()) as { data?: { value: string } }
  return data?.value ?? response.status
}

test('a server with a cache shows what other processes and its own clients have written, at once', async () => {
  const { url, path } = await served(['--cache', '1MB'])
  const other = await openTestStore(path)
  expect(await read(url, 'k')).toBe(404)
  for (let n = 0; n < 50; n++) {
    await other.put('k', `other ${n}`)
    // The first fills the cache, the others are from it, whatever is asked beside them.
    expect(await Promise.all([read(url, 'k'), read(url, 'k')])).toEqual([`other ${n}`, `other ${n}`])
    const [text, bytes] = await Promise.all([read(url, 'k'), fetch(`${url}/v1/keys/k`).then((got) => got.text())])
    expect([text, bytes]).toEqual([`other ${n}`, `other ${n}`])
    expect((await fetch(`${url}/put/?key=k&value=own%20${n}`, { method: 'POST' })).status).toBe(200)
    expect(await Promise.all([read(url, 'k'), read(url, 'k')])).toEqual([`own ${n}`, `own ${n}`])
  }
  expectRun(await kvProcess(['put', 'k', 'a process'], { store: path }), {})
  expect(await read(url, 'k')).toBe('a process')
  await other.del('k')
  expect(await read(url, 'k')).toBe(404)
})

test('what has expired, is no text or is long is as without a cache', async () => {
  const { url, path } = await served(['--cache', '64MB'])
  const store = await openTestStore(path)
  await store.put('short', 'v', { expires: Date.now() + 300 })
  expect(await read(url, 'short')).toBe('v')
  await expect.poll(() => read(url, 'short')).toBe(404)
  const long = 'é'.repeat(200_000)
  await store.put('long', long)
  await store.put('bytes', new Uint8Array([0xff]))
  await store.put('empty', '')
  await store.put('ü 1', 'Ä"\n')
  for (let again = 0; again < 2; again++) {
    expect(await read(url, 'long')).toBe(long)
    expect(await read(url, 'bytes')).toBe(406)
    expect(await read(url, 'empty')).toBe('')
    expect(await read(url, encodeURIComponent('ü 1'))).toBe('Ä"\n')
  }
})

test('a cache is refused by name where the store has no use for it', async () => {
  const { url } = await served()
  expectRun(await kv(['serve', '--port', '0', '--cache', '1MB'], { store: url }), {
    code: 2,
    stderr: /^kv: .* no use for the option cache \(KV_NOT_SUPPORTED\)\n/,
  })
})
