import { stripVTControlCharacters } from 'node:util'
import { turn } from '../async.ts'
import type { Context } from '../cli/context.ts'
import { KvError } from '../errors.ts'
import { processTerminal } from '../io.ts'
import { isDumb } from '../cli/environment.ts'
import { escapeLine } from '../safe-text.ts'
import { cutToWidth } from '../text-width.ts'
import { complete } from './completion/completer.ts'
import { CONTINUATION } from '../terminal/line-renderer.ts'
import type { Assistant } from '../terminal/assistant.ts'
import { LineEditor } from '../terminal/line-editor.ts'
import { DOT_COMMANDS } from './session/dot-commands.ts'
import { evaluate, prompt, unfinished } from './session/evaluate.ts'
import { argumentHint, liveHints } from './completion/hints.ts'
import { History, historyFile } from './prompt/history.ts'
import { PagedOutput } from './prompt/pager.ts'
import { PrefixCounter } from '../completion/prefix-counter.ts'
import { Session } from './session/session.ts'
import { KeyReader } from '../terminal/key-reader.ts'
import type { TypedText } from '../terminal/typed-text.ts'
import { editText } from './prompt/text-editor.ts'
import { withoutPrompts } from './language/transcript.ts'
import { typedSource } from './prompt/value-prompt.ts'

/** A session on a terminal; resolves to the exit code. */
export async function runTtySession(ctx: Context): Promise<number> {
  const { io } = ctx
  if (isDumb(io.env)) return (await import('./dumb-terminal.ts')).runDumbTerminal(ctx)
  const keys = new KeyReader(
    processTerminal(),
    () => session.foreground.stop(),
    () => session.endInput(),
  )
  const editing = {
    edit: async (text: TypedText): Promise<string> => editText(keys, session.programEnv, text),
    report: (error: unknown): unknown => session.report(error),
  }
  const session: Session = new Session(
    ctx,
    {
      stdin: typedSource(keys, editing),
      sharesStdin: true,
      allowsEndless: () => true,
      stdout: (isLive) => new PagedOutput(io.stdout, keys, { env: session.programEnv, isLive }),
      atKeyboard: (step) => keys.borrowed(step),
      async withTerminal(step) {
        // Ctrl-C right behind Enter has come as a key, and is still to be read.
        await turn()
        await turn()
        if (session.signal.aborted) throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
        keys.release()
        try {
          return await step()
        } finally {
          keys.reclaim()
        }
      },
    },
    DOT_COMMANDS,
  )
  // The window was closed, or the machine goes down: nothing is left behind.
  ctx.handleSignals(['SIGTERM', 'SIGHUP'])
  ctx.signal.addEventListener('abort', () => {
    keys.close()
    void session.stop().finally(() => ctx.endBySignal())
  })
  const history = new History(historyFile(io.env))
  const editor = new LineEditor(keys, history, assistant(session, editing))
  try {
    await session.start()
    if (!ctx.globals.quiet)
      keys.write(
        `${cutToWidth(`kv: ${escapeLine(session.globals.store)}  (.help for help, Ctrl-D to leave)`, keys.columns - 1)}\n`,
      )
    while (!session.ended) {
      const answer = await editor.read(prompt(session))
      if (answer.type === 'end' || answer.type === 'closed') break
      if (answer.type !== 'line') continue
      // Typed faster than it could be read.
      if (keys.takeInterrupt())
        session.lastExit = session.report(new KvError('KV_INTERRUPTED', 'interrupted, nothing was done'))
      else await evaluate(session, history, answer.text)
      // Who reads the output may show it on this very terminal.
      if (!io.stdout.isTTY) keys.moved()
    }
  } finally {
    keys.close()
    await session.close()
  }
  return 0
}

function assistant(session: Session, editing: Pick<Assistant, 'edit' | 'report'>): Assistant {
  const counter = new PrefixCounter()
  return {
    complete: (text, cursor, signal) => complete(session, counter, text, cursor, signal),
    hint: (text) => argumentHint(session, text),
    live: liveHints(session, counter),
    unfinished,
    pasted: (text) => withoutPrompts(text, stripVTControlCharacters(prompt(session)), CONTINUATION),
    ...editing,
    endsText: undefined,
  }
}
