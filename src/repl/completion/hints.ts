import { characterStart, decodeUtf8, utf8 } from '../../bytes.ts'
import { escapeLine, formatBytes } from '../../safe-text.ts'
import { type CompletionSession, lineContext } from './line-context.ts'
import type { Store } from '../../store/store.ts'
import type { Assistant } from '../../terminal/assistant.ts'
import type { PrefixCounter } from '../../completion/prefix-counter.ts'

/** The arguments still missing at the end of a line, shown dim after it; `''` when none is. */
export async function argumentHint(session: CompletionSession, text: string): Promise<string> {
  const context = await lineContext(session, text)
  if (context === undefined || context.name === undefined || /\n/.test(text)) return ''
  const { option, word, name, command, args, from } = context
  const blank = from === text.length && /\s$/.test(text) ? '' : ' '
  if (option !== undefined) return word === '' ? `${blank}<${/<([^>]*)>/.exec(option.flags)?.[1] ?? 'value'}>` : ''
  if (word.startsWith('-')) return ''
  const done = args.length + (word === '' ? 0 : 1)
  let missing: string[]
  if (Object.hasOwn(session.dotCommands, name)) {
    missing = (session.dotCommands[name]!.usage.match(/\S+/g) ?? []).slice(done)
  } else if (command === undefined) {
    return ''
  } else {
    const known = command.registeredArguments
    missing = known.slice(done).map((each) => {
      const name = `${each.name()}${each.variadic ? '...' : ''}`
      return each.required ? `<${name}>` : `[${name}]`
    })
    const takesOptions = context.given.size === 0 && done === 0
    if (takesOptions && missing.length > 0) missing.push('[options]')
  }
  return missing.length === 0 ? '' : blank + missing.join(' ')
}

/** Bytes of a value looked at for a preview. */
const PREVIEW = 400
/** A longer value is not read for one, in bytes. */
const MAX_READ = 16_384

/**
 * Tells what is worth knowing of a line before Enter, safe for the terminal: how many keys `--prefix` means, and what is
 * stored under a key; `undefined` for nothing.
 */
export function liveHints(session: CompletionSession, counter: PrefixCounter): Assistant['live'] {
  /** The preview shown last of a remote store, good for as long as the entry keeps its revision. */
  let last: { store: Store; key: string; revision: number; preview: string } | undefined

  const entryHint = async (key: string, verb: string, signal: AbortSignal): Promise<string | undefined> => {
    const store = await session.store()
    const head = await store.head(key, { signal })
    if (head === undefined) return undefined
    const { revision, valueBytes, expires } = head
    let shown = last?.store === store && last.key === key && last.revision === revision ? last.preview : undefined
    if (shown === undefined) {
      const value = valueBytes > MAX_READ ? undefined : await store.get(key, { signal })
      shown = value === undefined ? formatBytes(valueBytes) : preview(value)
      last = store.supports.remote ? { store, key, revision, preview: shown } : undefined
    }
    return `${verb} ${shown}${expires === undefined ? '' : `, expires ${new Date(expires).toISOString()}`}`
  }

  return async (text, signal) => {
    const context = await lineContext(session, text)
    if (context?.command === undefined || context.given.has('--key-encoding') || context.given.has('--store'))
      return undefined
    const { name, option, given, word, args } = context
    const prefix = option?.long === '--prefix' ? word : given.get('--prefix')
    if (prefix !== undefined) {
      if (prefix === '') return undefined
      const { count, shown } = await counter.prefix(await session.store(), utf8(prefix), signal)
      const keys = `${shown} ${count === 1 ? 'key' : 'keys'}`
      return name === 'del' ? `would delete ${keys}` : keys
    }
    if (name !== 'get' && name !== 'peek' && name !== 'put' && name !== 'ttl') return undefined
    const key = args[0] ?? word
    if (key === '' || args.length > 1 || option !== undefined || !key.isWellFormed()) return undefined
    return entryHint(key, name === 'put' ? 'replaces' : '=', signal)
  }
}

function preview(value: Uint8Array): string {
  // The cut may be inside a character; what is left of it is no reason to call the text binary.
  const end = characterStart(value, Math.min(value.length, PREVIEW))
  const text = decodeUtf8(value.subarray(0, end))
  if (text === undefined) return `(binary, ${formatBytes(value.length)})`
  return `${escapeLine(text)}${end < value.length ? '…' : ''}`
}
