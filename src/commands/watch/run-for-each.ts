import { isUtf8 } from 'node:buffer'
import { type Encoding, encode } from '../../bytes.ts'
import type { Context } from '../../cli/context.ts'
import { startProgram } from '../../child-process.ts'
import { interrupted } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import type { Change } from '../../store/driver/entry.ts'

/** A command and its arguments. */
export type CommandWords = readonly [program: string, ...args: string[]]

/** How keys and values are written in the environment. */
interface Encodings {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
}

/** Length of a variable at most, in characters: Linux takes 128 KiB with its name. */
const MAX_VARIABLE = 100_000

/**
 * Runs a command for each change, one at a time: the entry in its environment, the value on its standard input. One that
 * fails is told of, and the next one is run. A signal goes to the command that runs; then throws `KV_INTERRUPTED`. Throws
 * `KV_USAGE` when it cannot be started.
 */
export async function runForEach(
  ctx: Context,
  changes: AsyncIterable<Change>,
  [program, ...args]: CommandWords,
  encodings: Encodings,
): Promise<void> {
  const { signal } = ctx
  for await (const change of changes) {
    if (signal.aborted) throw interrupted(signal)
    const input = change.type === 'put' ? change.value : new Uint8Array()
    const running = startProgram(ctx, program, args, { input, env: { ...ctx.io.env, ...variables(change, encodings) } })
    const stop = (): void => running.pass(ctx.stoppedBy)
    signal.addEventListener('abort', stop)
    const code = await running.ended.finally(() => signal.removeEventListener('abort', stop))
    if (signal.aborted) throw interrupted(signal)
    if (code !== 0) ctx.say(`kv: ${program} ended with exit code ${code}: ${change.type} ${displayKey(change.key)}`)
  }
}

/** A change as variables, named as its fields in JSON are; `undefined` for those that must not come from outside. */
function variables(change: Change, { keyEncoding, valueEncoding }: Encodings): Record<string, string | undefined> {
  const value = change.type === 'put' ? bytesVariable('KV_VALUE', change.value, valueEncoding) : {}
  const expires = change.type === 'put' ? change.expires : undefined
  return {
    ...NONE,
    ...bytesVariable('KV_KEY', change.key, keyEncoding),
    ...value,
    KV_TYPE: change.type,
    KV_POSITION: change.position,
    KV_EXPIRES: expires === undefined ? undefined : new Date(expires).toISOString(),
  }
}

/** A watch that is run by another must not pass on what it was told. */
const NONE: Readonly<Record<string, undefined>> = Object.fromEntries(
  ['KV_KEY', 'KV_VALUE'].flatMap((name) => [name, `${name}_HEX`, `${name}_BASE64`]).map((name) => [name, undefined]),
)

function bytesVariable(name: string, bytes: Uint8Array, encoding: Encoding): Record<string, string> {
  if (bytes.length > MAX_VARIABLE) return {}
  const form = encoding !== 'utf8' ? encoding : isUtf8(bytes) && !bytes.includes(0) ? undefined : 'base64'
  const text = encode(bytes, form ?? 'utf8')
  if (text.length > MAX_VARIABLE) return {}
  return { [form === undefined ? name : `${name}_${form.toUpperCase()}`]: text }
}
