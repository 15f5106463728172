import type { Context } from '../../cli/context.ts'
import { KvError, usageError } from '../../errors.ts'
import type { EntryForm } from '../../formats/format.ts'
import type { Entry } from '../../store/driver/entry.ts'
import type { Selection } from '../../output/selection.ts'
import { type KeyFlags, notFound, parseKey, parseValue } from '../../cli/line/arguments.ts'
import { type SelectionFlags, checkSelection, isSelection, takeField } from '../../cli/line/selection-flags.ts'

/** The flags of `kv get`. */
export interface GetFlags extends KeyFlags, SelectionFlags {
  default?: string
  at?: string
}

/** Keys of a moment of the past that are read at a time. */
const AT_ONCE = 8

/** Prints what keys have, without any option. */
export function getPlain(ctx: Context, operands: readonly string[]): Promise<void> {
  return getKeys(ctx, operands, { keyEncoding: 'utf8', valueEncoding: 'utf8' }, 0)
}

/** Prints what keys have. Of the operands, which may also name a field, the `last` ones are keys whatever they look like. */
export async function getKeys(ctx: Context, operands: readonly string[], flags: GetFlags, last: number): Promise<void> {
  const { keyEncoding, valueEncoding, jsonValues = false } = flags
  const { operands: keys, field } = takeField(operands, last)
  if (field !== undefined && flags.field !== undefined)
    throw usageError(`.${field} cannot be used with --field`, 'one field at a time; several: --columns')
  const chosen = { ...flags, field: flags.field ?? field }
  checkSelection(chosen, ctx.globals)
  const wanted = keys.map((text) => parseKey(text, keyEncoding))
  if (flags.default !== undefined && wanted.length > 1) throw usageError('--default is for one key')
  const fallback = flags.default === undefined ? undefined : parseValue(flags.default, valueEncoding)
  const selection = isSelection(chosen) ? (await import('../../output/selection.ts')).selectionOf(chosen) : undefined
  const isJson = selection?.field !== undefined && (jsonValues || ctx.print.printsJson({}, wanted.length === 1))
  const form = (entries: readonly Entry[]): EntryForm => ({
    keyEncoding,
    valueEncoding,
    jsonValues,
    isJson,
    exact: true,
    ...selection?.form,
    expiring: () => entries.some(({ expires }) => expires !== undefined),
  })
  const moment =
    flags.at === undefined ? undefined : (await import('../../formats/time.ts')).parseMoment(flags.at, '--at')
  const store = await ctx.store()
  const read = (key: Uint8Array): Promise<Entry | undefined> =>
    moment === undefined ? store.getEntry(key, ctx.abortable) : store.history.at(key, moment, { signal: ctx.signal })
  if (wanted.length === 1) {
    const key = wanted[0]!
    const stored = await read(key)
    const entry = stored && inPlace(stored, selection, isJson)
    if (entry !== undefined) await ctx.print.entry(entry, form([entry]))
    else if (fallback !== undefined) {
      const substitute = { key, value: fallback, revision: 0, expires: undefined }
      await ctx.print.entry(substitute, { ...form([substitute]), isJson: false })
    } else if (stored === undefined) throw notFound(wanted)
    else throw selection!.field!.missing(stored)
  } else {
    const entries = moment === undefined ? await store.getMany(wanted, ctx.abortable) : await readEach(wanted, read)
    const stored = entries.filter((entry): entry is Entry => entry !== undefined)
    const found = stored.flatMap((entry) => inPlace(entry, selection, isJson) ?? [])
    await ctx.print.entries({ pages: () => [found] }, form(found))
    const missing = wanted.filter((_, i) => entries[i] === undefined)
    const reasons = missing.length === 0 ? [] : [notFound(missing).message]
    if (found.length < stored.length)
      for (const entry of stored)
        if (inPlace(entry, selection, isJson) === undefined) reasons.push(selection!.field!.missing(entry).message)
    if (reasons.length > 0) throw new KvError('KV_NOT_FOUND', reasons.join('; '))
  }
  for (const remark of selection?.remarks() ?? []) ctx.say(`kv: ${remark}`)
}

/** Reads a few keys at a time: each waits for a server, and listens for Ctrl-C. */
async function readEach(
  keys: readonly Uint8Array[],
  read: (key: Uint8Array) => Promise<Entry | undefined>,
): Promise<(Entry | undefined)[]> {
  const entries: (Entry | undefined)[] = []
  for (let start = 0; start < keys.length; start += AT_ONCE)
    entries.push(...(await Promise.all(keys.slice(start, start + AT_ONCE).map(read))))
  return entries
}

/** The entry, with the field that was chosen in the place of its value; `undefined` where it has none. */
function inPlace(entry: Entry, selection: Selection | undefined, isJson: boolean): Entry | undefined {
  return selection?.field === undefined ? entry : selection.field.of(entry, isJson)
}
