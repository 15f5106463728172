import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { tempDir } from '../helpers/temp-dir.ts'
import { listening } from './server.ts'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))
if (CHROMIUM === undefined) {
  if (process.env['CI']) throw new Error('the test of /docs needs Chromium: apt-get install chromium')
  console.warn('/docs is not tested: no Chromium here (apt-get install chromium)')
}

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

test.skipIf(CHROMIUM === undefined)('the page under /docs puts a value and reads it again, without anything from elsewhere', { timeout: 120_000 }, async () => {
  const { url, app } = await listening()
  const browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS })
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } })
  const foreign: string[] = []
  const errors: string[] = []
  page.on('request', (request) => (request.url().startsWith(url) || /^(?:data|blob):/.test(request.url()) ? undefined : foreign.push(request.url())))
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => (message.type() === 'error' ? errors.push(message.text()) : undefined))
  await page.goto(`${url}/docs`)

  const tryIt = async (path: string, method: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const block = page.locator(`.opblock-${method}`, { has: page.locator(`.opblock-summary-path[data-path="${path}"]`) })
    await block.locator('.opblock-summary').click()
    await block.locator('.try-out__btn').click()
    for (const [name, value] of Object.entries(fields)) await block.locator(`tr[data-param-name="${name}"] input`).fill(value)
    await block.locator('.execute').click()
    return block.locator('.live-responses-table .response-col_description .highlight-code').first().innerText()
  }

  expect(await tryIt('/put/', 'post', { key: 'user:1', value: 'Ada & Grace' })).toContain('"value": "Ada & Grace"')
  expect(await tryIt('/read/{key}', 'get', { key: 'user:1' })).toContain('"value": "Ada & Grace"')
  expect((await app.inject('/v1/keys/user:1')).body).toBe('Ada & Grace')
  expect(foreign).toEqual([])
  expect(errors).toEqual([])
  await page.screenshot({ path: join(process.env['KV_SCREENSHOTS'] ?? tempDir(), 'docs.png') })
})
