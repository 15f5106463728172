import { spawn, spawnSync } from 'node:child_process'
import type { Sink } from '../../io.ts'
import { type Env, isDumb } from '../../cli/environment.ts'
import { ChildSink } from '../streams/child-sink.ts'
import { type Streams, sinkOver } from '../streams/streams.ts'
import type { KeyReader } from '../../terminal/key-reader.ts'

const LINE_FEED = 0x0a

/**
 * The screen as the place for one command's data: what does not fit goes through `$PAGER`
 * (`less` where it is installed). Output that comes bit by bit is shown as it comes.
 */
export class PagedOutput implements Streams {
  readonly sink: Sink
  readonly #out: Sink
  readonly #keys: KeyReader
  readonly #env: Env
  #rows = 0
  /** What is on the screen already and the pager must show again. */
  #shown: Uint8Array[] = []
  #pager: ChildSink | undefined
  #midLine = false
  #isLive: boolean

  /** @param isLive shows all as it comes, without a pager: it is to be replaced soon */
  constructor(out: Sink, keys: KeyReader, { env, isLive }: { env: Env; isLive: boolean }) {
    this.#out = out
    this.#isLive = isLive
    this.#keys = keys
    this.#env = env
    this.sink = {
      ...sinkOver(out, (data) => this.#write(data)),
      drained: async () => this.#pager?.drained(),
      comesLive: () => (this.#isLive = true),
    }
  }

  get waitedMs(): number {
    return this.#pager?.waitedMs ?? 0
  }

  async end(): Promise<undefined> {
    if (this.#pager !== undefined) await this.#pager.end().finally(() => this.#keys.reclaim())
    else if (this.#midLine) this.#out.write('\n')
  }

  #write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (bytes.length === 0) return
    if (this.#pager === undefined && !this.#isLive && this.#out.isTTY && this.#isTall(bytes)) this.#page()
    if (this.#pager !== undefined) return this.#pager.write(bytes)
    this.#out.write(bytes)
    this.#midLine = bytes.at(-1) !== LINE_FEED
    if (this.#out.isTTY && !this.#isLive) this.#shown.push(new Uint8Array(bytes))
  }

  /** Whether the screen is too low for this besides what was written before. */
  #isTall(bytes: Uint8Array): boolean {
    const { columns, rows } = this.#keys
    let width = 0
    for (const byte of bytes) {
      if (byte === LINE_FEED || width === columns) {
        this.#rows++
        width = 0
      }
      // A byte that continues a character takes no column.
      if (byte !== LINE_FEED && (byte & 0xc0) !== 0x80) width++
    }
    return this.#rows >= rows
  }

  #page(): void {
    const command = pagerCommand(this.#env)
    if (command === undefined) {
      this.#rows = -Infinity
      return
    }
    // A pager has Ctrl-C for itself.
    this.#keys.release({ heedsInterrupt: false })
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'inherit', 'inherit'],
      env: { LESS: 'FRX', ...this.#env } as NodeJS.ProcessEnv,
    })
    this.#pager = new ChildSink(child, { isTTY: true, columns: () => this.#out.columns() })
    for (const part of this.#shown) this.#pager.write(part)
    this.#shown = []
  }
}

/**
 * `$PAGER`, else `less` if there is one; `undefined` for none, also when `PAGER` is empty, `cat`, or not to be found.
 */
function pagerCommand(env: Env): string | undefined {
  const named = env['PAGER']
  if (named === undefined ? isDumb(env) : named.trim() === '' || named.trim() === 'cat') return undefined
  const command = named ?? 'less'
  // What is more than a plain name is the shell's to understand.
  const [name] = /^\s*[\w./+-]+(?=\s|$)/.exec(command) ?? []
  const isThere =
    name === undefined ||
    spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name.trim()], {
      stdio: 'ignore',
      env: env as NodeJS.ProcessEnv,
    }).status === 0
  return isThere ? command : undefined
}
