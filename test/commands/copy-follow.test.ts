import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { type Given, contents, ended, errorText, expectRun, givenStore, kv, startKv } from '../helpers/kv.ts'
import { served } from '../helpers/serve.ts'
import { openTestStore } from '../helpers/store.ts'

/** What `kv copy --follow --json` prints. */
interface Line {
  readonly put?: number
  readonly deleted?: number
  readonly copied?: number
  readonly position: string
}

/** A copy that follows, and the lines it prints. */
class Follower {
  readonly child: ChildProcess
  readonly run: ReturnType<typeof ended>
  readonly #lines: AsyncIterator<string>
  /** The position printed last. */
  position = ''

  constructor(...args: string[]) {
    this.child = startKv(['copy', '--follow', '--json', ...args])
    this.run = ended(this.child)
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
  }

  async next(): Promise<Line> {
    const { value, done } = await this.#lines.next()
    if (done === true) expect.fail((await this.run).stderr)
    const line = JSON.parse(value) as Line
    this.position = line.position
    return line
  }

  /** Takes lines until so many changes are stored. */
  async changes(count: number): Promise<void> {
    for (let seen = 0; seen < count;) {
      const { put = 0, deleted = 0 } = await this.next()
      seen += put + deleted
    }
  }

  /** Takes lines up to the end of the first copy. */
  async copied(): Promise<Line> {
    for (;;) {
      const line = await this.next()
      if (line.copied !== undefined) return line
    }
  }

  async end(signal: NodeJS.Signals): Promise<string> {
    this.child.kill(signal)
    return (await this.run).stderr
  }
}

const LATER = Date.UTC(2100, 0, 1)
const GIVEN: readonly Given[] = [
  ['a', '1'],
  ['b', '1'],
]

describe('kv copy --follow', () => {
  test('copies, then does every change in order, with expiry; Ctrl-C says how to go on, which misses nothing', async () => {
    const [path, target] = [await givenStore(GIVEN), await givenStore()]
    const source = await openTestStore(path)
    const first = new Follower(path, target)
    expect(await first.copied()).toMatchObject({ copied: 2 })
    await source.put('c', '1', { expires: LATER })
    await source.del('a')
    await source.put('b', '2')
    await source.put('b', '3')
    await first.changes(3)
    const copy = await openTestStore(target)
    while (String(await copy.getText('b')) !== '3') await first.next()
    expect(await copy.getEntry('c')).toMatchObject({ expires: LATER })
    expect(await copy.has('a')).toBe(false)
    const stderr = await first.end('SIGINT')
    expect((await first.run).code).toBe(130)
    expect(stderr).toContain(
      `kv: interrupted; every change up to position ${first.position} is stored (KV_INTERRUPTED)\nhint: go on, within a minute: kv copy ${path} ${target} --follow --after-position ${first.position}\n`,
    )
    await source.put('while:away', '1')
    await source.del('b')
    const second = new Follower(path, target, '--after-position', first.position)
    await second.changes(2)
    expect((await contents(target)).map(([key]) => key)).toEqual(['c', 'while:away'])
    await second.end('SIGTERM')
  })

  test('killed again and again, it goes on after the position printed last and loses nothing', async () => {
    const [path, target] = [await givenStore(GIVEN), await givenStore()]
    const source = await openTestStore(path)
    let follower = new Follower(path, target)
    await follower.copied()
    for (let round = 0; round < 4; round++) {
      const batch = Array.from({ length: 1500 }, (_, i) => ({
        type: 'put' as const,
        key: `k${i % 900}`,
        value: `${round}:${i}`,
      }))
      const writing = source.batch([...batch, { type: 'del', key: `k${round}` }])
      await follower.changes(1)
      await follower.end('SIGKILL')
      await writing
      await source.put('last', String(round))
      follower = new Follower(path, target, '--after-position', follower.position)
      const copy = await openTestStore(target)
      do await follower.changes(1)
      while ((await copy.getText('last')) !== String(round))
    }
    expect(await contents(target)).toEqual(await contents(path))
    await follower.end('SIGTERM')
  })

  test('a server that is killed and started again: the copy goes on by itself, and misses nothing', async () => {
    const { url, path, child, port } = await served([], { store: await givenStore(GIVEN) })
    const target = await givenStore()
    const follower = new Follower(url, target, '--prefix', 'b')
    expect(await follower.copied()).toMatchObject({ copied: 1 })
    const source = await openTestStore(path)
    await source.put('b:1', '1')
    await follower.changes(1)
    child.kill('SIGKILL')
    await source.put('b:2', '1')
    await source.put('other', '1')
    await served(['--port', String(port)], { store: path })
    await follower.changes(1)
    expect((await contents(target)).map(([key]) => key)).toEqual(['b', 'b:1', 'b:2'])
    await follower.end('SIGTERM')
  })

  test('a destination that dies: the copy ends with its position, and goes on from there', async () => {
    const path = await givenStore(GIVEN)
    const target = await served()
    const first = new Follower(path, target.url, '--prefix', 'b')
    await first.copied()
    target.child.kill('SIGKILL')
    await target.run
    const source = await openTestStore(path)
    await source.put('b:1', '1')
    const { code, stderr } = await first.run
    expect(code).toBe(4)
    expect(stderr).toContain(`--prefix b --follow --after-position ${first.position}\n`)
    await source.del('b')
    const second = new Follower(path, target.path, '--prefix', 'b', '--after-position', first.position)
    await second.changes(2)
    expect((await contents(target.path)).map(([key]) => key)).toEqual(['b:1'])
    await second.end('SIGTERM')
  })

  test('a position whose changes are gone is refused, with what to do', async () => {
    const [path, target] = [await givenStore(GIVEN), await givenStore()]
    const run = await kv(['copy', path, target, '--follow', '--after-position', 'abcdefghijkl-7'])
    expect(run).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/\(KV_WATCH_GAP\)\nhint: copy again, .*: kv diff /),
    })
  })

  test.for([
    [['--after-position', 'x-1'], '--after-position goes with --follow only'],
    [['--follow', '--if-absent'], '--follow does not go with --if-absent, --reverse and --limit'],
    [['--follow', '--limit', '1'], '--follow does not go with --if-absent, --reverse and --limit'],
  ] as const)('%j is a wrong call', async ([args, message]) => {
    expectRun(await kv(['copy', await givenStore(GIVEN), await givenStore(), ...args]), {
      stderr: errorText(message, 'KV_USAGE'),
      code: 2,
    })
  })
})
