import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { type TestContext, afterAll, describe, expect, test } from 'vitest'
import { htmlPage } from '../../src/bench/report/page/page.ts'
import type { Report } from '../../src/bench/report/report.ts'
import { runSuite } from '../../src/bench/measure/suite.ts'
import type { Target } from '../../src/bench/targets/target.ts'
import { workloadNamed } from '../../src/bench/workloads/index.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { reportOf } from './report.ts'

const CHROMIUM = '/usr/bin/chromium'

let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

/** A browser, or the test is skipped; never in CI, where it has to be there. */
function openBrowser(context: TestContext): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    if (process.env['CI']) throw new Error(`no ${CHROMIUM}: apt-get install chromium`)
    console.warn(`tests of the benchmark's page skipped: no ${CHROMIUM}`)
    context.skip(`no ${CHROMIUM}`)
  }
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  browser ??= chromium.launch({ executablePath: CHROMIUM, headless: true, args })
  return browser
}

async function report(names: readonly string[], more: Partial<Report> = {}): Promise<Report> {
  let time = 0
  const pass = (): undefined => void (time += 0.7)
  const targets = names.map((name): Target => ({
    name,
    how: 'pretended',
    durable: true,
    engine: () => 'fake',
    get: () => (pass(), 1),
    put: pass,
    putMany: pass,
    del: pass,
    range: () => (pass(), 100),
    close: async () => {},
  }))
  const plan = {
    workload: workloadNamed('classic'),
    options: { records: 1000, valueBytes: 10, batch: 1000, seed: 1 },
    concurrency: 1,
    durationMs: 150,
    ops: undefined,
    warmupMs: 0,
  }
  const environment = {
    now: () => time,
    turn: async () => {},
    gauge: () => ({ processor: 1, disk: undefined }),
    signal: new AbortController().signal,
    patienceMs: 0,
  }
  const measured = await runSuite(plan, targets, environment, { onProgress: () => {}, onFailure: () => {} })
  return { ...reportOf(measured, { kv: '1.2.3' }), ...more }
}

describe('the page', () => {
  test.for(['light', 'dark'] as const)(
    'draws its charts in %s, loads nothing and reports no error',
    async (colorScheme, context) => {
      const file = join(tempDir(), 'page.html')
      writeFileSync(file, htmlPage(await report(['kv', 'other'], { absent: [{ name: 'third', reason: 'not here' }] })))
      const page = await (await openBrowser(context)).newPage({ colorScheme })
      const troubles: string[] = []
      const requests: string[] = []
      page.on('pageerror', (error) => troubles.push(error.message))
      page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()))
      page.on('request', (request) => requests.push(request.url()))
      await page.goto(pathToFileURL(file).href)
      expect(troubles).toEqual([])
      expect(requests).toEqual([pathToFileURL(file).href])
      // Two charts a step, none of them blank.
      expect(await page.locator('canvas').count()).toBe(10)
      const blank = await page.locator('canvas').evaluateAll(
        (all) =>
          all.filter((canvas) => {
            const { width, height } = canvas as unknown as { width: number; height: number }
            const pixels = (
              canvas as unknown as {
                getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8ClampedArray } }
              }
            )
              .getContext('2d')
              .getImageData(0, 0, width, height).data
            return pixels.every((value) => value === 0)
          }).length,
      )
      expect(blank).toBe(0)
      expect(await page.locator('main').innerText()).toContain('absent: third (not here)')
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor')
      expect(background).toBe(colorScheme === 'dark' ? 'rgb(20, 23, 26)' : 'rgb(251, 251, 250)')
      await page.close()
    },
  )

  test('shows text of the report as text', async (context) => {
    const evil = '</script><img src=x onerror="document.title=1"><!--'
    const file = join(tempDir(), 'page.html')
    writeFileSync(file, htmlPage(await report(['kv'], { absent: [{ name: evil, reason: evil }] })))
    const page = await (await openBrowser(context)).newPage()
    await page.goto(pathToFileURL(file).href)
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.locator('main').innerText()).toContain(evil)
    expect(await page.title()).toBe('kv bench: classic')
    await page.close()
  })
})

test('the page carries facts, notes and ratios as the table prints them', async () => {
  const made = await report(['kv', 'other'])
  const [kv, other] = made.targets
  const quicker = {
    ...other!,
    durable: false,
    steps: other!.steps.map((step) => ({ ...step, operations_per_second: step.operations_per_second * 432.1 })),
  }
  const page = htmlPage({ ...made, targets: [kv!, quicker] })
  const data = JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]!) as {
    facts: string[]
    notes: string[]
    ratios: Record<string, Record<string, string>>
  }
  expect(data.ratios['read']).toEqual({ other: '432' })
  expect(data.facts).toContain('cpu, 2 cores, 8.0 GB memory, x, ext4')
  expect(data.notes).toContain('other*: fake; pretended; NOT durable')
})

test('the page holds no address it could load anything from', async () => {
  const page = htmlPage(await report(['kv']))
  expect(page).not.toMatch(/<(script|link|img)[^>]*(src|href)=/)
  expect(page).not.toMatch(/url\(|@import/)
})
