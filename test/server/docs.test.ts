import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { type Browser, type Page, chromium } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasProxy, nginx } from '../helpers/proxies.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { listening, server } from './server.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
if (CHROMIUM === undefined) {
  if (process.env['CI']) throw new Error('the test of /docs needs Chromium: apt-get install chromium')
  console.warn('/docs is not tested: no Chromium here (apt-get install chromium)')
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** One for all tests, started when first needed. */
let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

/**
 * Opens `/docs` of a new server, where a proxy has it if one is given, and tells what went wrong on the page when the
 * test is over.
 */
async function docs(
  proxy: (url: string) => Promise<string> = async (url) => `${url}/docs`,
): Promise<{ page: Page; app: FastifyInstance }> {
  const { url: own, app } = await listening()
  const address = await proxy(own)
  const url = new URL(address).origin
  browser ??= chromium.launch({ executablePath: CHROMIUM!, args: FLAGS })
  // A context of its own: nothing that another page has kept.
  const context = await (await browser).newContext({ viewport: { width: 1200, height: 1400 } })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const foreign: string[] = []
  const errors: string[] = []
  page.on('request', (request) =>
    request.url().startsWith(url) || /^(?:data|blob):/.test(request.url()) ? undefined : foreign.push(request.url()),
  )
  page.on('pageerror', (error) => errors.push(error.message))
  // A call that is refused is told as an error too.
  page.on('console', (message) =>
    message.type() === 'error' && !message.text().startsWith('Failed to load resource')
      ? errors.push(message.text())
      : undefined,
  )
  onTestFinished(() => {
    expect(foreign).toEqual([])
    expect(errors).toEqual([])
  })
  await page.goto(address)
  return { page, app }
}

/** Opens an operation, fills in fields and executes it; resolves to the status and the body as the page shows them. */
async function tryIt(
  page: Page,
  method: string,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: string }> {
  const block = page.locator(`.opblock-${method.toLowerCase()}`, {
    has: page.locator(`.opblock-summary-path[data-path="${path}"]`),
  })
  await block.locator('.opblock-summary').click()
  await block.locator('.try-out__btn').click()
  for (const [name, value] of Object.entries(fields))
    await block.locator(`tr[data-param-name="${name}"] input`).fill(value)
  await block.locator('.execute').click()
  const answer = block.locator('.live-responses-table')
  const status = Number.parseInt(await answer.locator('tbody .response-col_status').first().innerText())
  const shown = answer.locator('tbody .response-col_description .highlight-code .microlight')
  const body = (await shown.count()) > 0 ? await shown.first().innerText() : ''
  // With all of them open the page becomes slow.
  await block.locator('.opblock-summary-control').click()
  return { status, body }
}

describe.skipIf(CHROMIUM === undefined)('the page under /docs', { timeout: 120_000 }, () => {
  test('puts a value and reads it again, without anything from elsewhere', async () => {
    const { page, app } = await docs()
    expect(await tryIt(page, 'POST', '/put/', { key: 'user:1', value: 'Ada & Grace' })).toMatchObject({
      status: 200,
      body: expect.stringContaining('"value": "Ada & Grace"'),
    })
    expect(await tryIt(page, 'GET', '/read/{key}', { key: 'user:1' })).toMatchObject({
      status: 200,
      body: expect.stringContaining('"value": "Ada & Grace"'),
    })
    expect((await app.inject('/v1/keys/user:1')).body).toBe('Ada & Grace')
    await page.screenshot({ path: join(process.env['KV_SCREENSHOTS'] ?? tempDir(), 'docs.png') })
  })

  test('fills calls in so that they work', async () => {
    const { page, app } = await docs()
    const value = async (): Promise<string> => (await app.inject('/v1/keys/user:1')).body
    expect(await tryIt(page, 'POST', '/put/')).toMatchObject({ status: 200 })
    expect(await tryIt(page, 'GET', '/read/{key}')).toMatchObject({
      status: 200,
      body: expect.stringContaining('"value": "Ada"'),
    })
    expect(await tryIt(page, 'GET', '/read_key_range/')).toMatchObject({
      status: 200,
      body: expect.stringContaining('"value": "Ada"'),
    })
    expect(await tryIt(page, 'DELETE', '/delete/{key}')).toMatchObject({ status: 200 })
    expect(await tryIt(page, 'POST', '/batch_put/')).toMatchObject({ status: 200 })
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 2 })
    expect(await tryIt(page, 'DELETE', '/v1/keys/{key}')).toMatchObject({ status: 204 })
    expect(await tryIt(page, 'PUT', '/v1/keys/{key}')).toMatchObject({ status: 201 })
    expect([await value(), (await app.inject('/v1/keys/user:1')).headers['kv-expires']]).toEqual(['Ada', undefined])
    expect(await tryIt(page, 'GET', '/v1/keys/{key}')).toMatchObject({ status: 200 })
    expect(await tryIt(page, 'GET', '/v1/range')).toEqual({
      status: 200,
      body: '{"key":"user:1","value":"Ada"}\n{"key":"user:2","value":"Grace"}\n',
    })
    expect(await tryIt(page, 'GET', '/v1/count')).toMatchObject({ status: 200, body: expect.stringContaining('2') })
    expect(await tryIt(page, 'DELETE', '/v1/range')).toMatchObject({ status: 400 })
    expect((await app.inject('/v1/count')).json()).toEqual({ count: 2 })
    expect(await tryIt(page, 'POST', '/v1/batch')).toMatchObject({
      status: 200,
      body: expect.stringContaining('"operations": 2'),
    })
    expect((await app.inject('/v1/range')).body).toBe('{"key":"user:1","value":"Ada"}\n')
    expect(await tryIt(page, 'POST', '/v1/get')).toEqual({
      status: 200,
      body: '{"key":"user:1","value":"Ada"}\nnull\n',
    })
    for (const [method, path] of [
      ['GET', '/v1/stat'],
      ['POST', '/v1/check'],
      ['GET', '/health'],
      ['GET', '/ready'],
      ['GET', '/metrics'],
    ] as const) {
      expect([path, (await tryIt(page, method, path)).status]).toEqual([path, 200])
    }
  })
})

describe.skipIf(CHROMIUM === undefined || !hasProxy('nginx'))(
  'the page where a proxy has the server below a path',
  { timeout: 120_000 },
  () => {
    test.for(['/kv/docs', '/kv/docs/'])('calls the server there: %s', async (path) => {
      const { page, app } = await docs(
        async (url) =>
          `${await nginx(`location ${path.slice(0, path.indexOf('docs'))} { proxy_pass ${url}/; }`)}${path}`,
      )
      expect(await tryIt(page, 'POST', '/put/', { key: 'user:1', value: 'Ada' })).toMatchObject({ status: 200 })
      expect((await app.inject('/v1/keys/user:1')).body).toBe('Ada')
    })
  },
)

test('the description has the examples that the page does not fill in', async () => {
  const app = await server()
  const parametersOf = async (url: string): Promise<{ name: string; required: boolean; example?: string }[]> =>
    (await app.inject(url)).json().paths['/v1/range'].delete.parameters
  expect((await parametersOf('/openapi.json')).filter(({ example }) => example !== undefined)).not.toEqual([])
  expect((await parametersOf('/docs/json')).filter(({ example }) => example !== undefined)).toEqual([])
})
