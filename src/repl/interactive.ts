import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../context.ts'
import { KvError } from '../errors.ts'
import { type Source, processTerminal } from '../io.ts'
import { escapeLine } from '../output/escape.ts'
import { Completer } from './completion.ts'
import { cutToWidth } from '../output/width.ts'
import { type Assistant, LineEditor } from './editor.ts'
import { enter, prompt, unfinished } from './enter.ts'
import { argumentHint, liveHint } from './hints.ts'
import { History, historyFile } from './history.ts'
import { Screen } from './pager.ts'
import { PrefixCounter } from './prefix-counter.ts'
import { Session } from './session.ts'
import { KeyReader } from './terminal.ts'

/** A session on a terminal; resolves to the exit code. */
export async function runInteractive(ctx: Context): Promise<number> {
  const { io } = ctx
  if (io.env['TERM'] === 'dumb') return (await import('./plain.ts')).runPlain(ctx)
  const keys = new KeyReader(processTerminal(), () => session.interrupt())
  const session: Session = new Session(io, ctx.globals, {
    stdin: typedSource(keys, io.env),
    stdout: () => new Screen(io.stdout, keys, io.env),
    async withTerminal(step) {
      keys.release()
      try {
        return await step()
      } finally {
        keys.reclaim()
      }
    },
  })
  const history = new History(historyFile(io.env))
  const editor = new LineEditor(keys, history, assistant(session, keys))
  try {
    // A store that cannot be opened is told at once; the session goes on, for .open.
    await session.store().catch((error: unknown) => session.report(error))
    if (!ctx.globals.quiet) io.stderr.write(`${cutToWidth(`kv: ${escapeLine(session.location)}  (.help for help, Ctrl-D to leave)`, keys.columns - 1)}\n`)
    while (!session.ended) {
      const answer = await editor.read(prompt(session))
      if (answer.type === 'end') break
      if (answer.type !== 'line') continue
      // Typed faster than it could be read.
      if (keys.takeInterrupt()) session.lastExit = session.report(new KvError('KV_INTERRUPTED', 'interrupted, nothing was done'))
      else await enter(session, history, answer.text)
    }
  } finally {
    keys.close()
    await session.close()
  }
  return 0
}

function assistant(session: Session, keys: KeyReader): Assistant {
  const counter = new PrefixCounter()
  const completer = new Completer(session, counter)
  return {
    complete: (text, cursor) => completer.complete(text, cursor),
    hint: (text) => argumentHint(session, text),
    live: (text) => liveHint(session, counter, text),
    unfinished,
    edit: async (text) => editText(keys, session.env, text),
  }
}

/** Standard input of a command: lines that the user types, up to Ctrl-D. */
function typedSource(keys: KeyReader, env: Context['io']['env']): Source {
  return {
    isTTY: true,
    fd: -1,
    async readAll() {
      keys.write('the value, as lines; Ctrl-D ends it, Ctrl-X Ctrl-E opens an editor\n')
      const nothing = { from: 0, to: 0, candidates: [], footer: '' }
      const editor = new LineEditor(keys, new History(undefined), {
        complete: async () => nothing,
        hint: async () => '',
        live: async () => undefined,
        unfinished: () => false,
        edit: async (text) => editText(keys, env, text),
      })
      const lines: string[] = []
      for (;;) {
        const answer = await editor.read('| ')
        if (answer.type === 'interrupt') throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
        if (answer.type === 'end') return Buffer.from(lines.join('\n'))
        lines.push(answer.text)
      }
    },
  }
}

/** Lets the user change a text in `$VISUAL`, `$EDITOR` or `vi`; what does not work leaves it as it is. */
function editText(keys: KeyReader, env: Context['io']['env'], text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kv-'))
  const file = join(folder, 'line')
  keys.release()
  try {
    writeFileSync(file, text, { mode: 0o600 })
    const command = `${env['VISUAL'] || env['EDITOR'] || 'vi'} "$1"`
    const { status } = spawnSync('/bin/sh', ['-c', command, 'sh', file], { stdio: 'inherit' })
    return status === 0 ? readFileSync(file, 'utf8').replace(/\n$/, '') : text
  } finally {
    rmSync(folder, { recursive: true, force: true })
    keys.reclaim()
  }
}
