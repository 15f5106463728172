import type { Command } from 'commander'
import { usageError } from '../../errors.ts'
import type { ValueFlags } from './arguments.ts'

/** The flags that choose what is printed of entries. */
export interface SelectionFlags extends ValueFlags {
  columns?: string
  template?: string
  field?: string
  jsonValues?: boolean
  '0'?: boolean
}

/** Adds these flags, but `-0`: a command that has it takes no negative number as an argument. */
export function withSelection(command: Command): Command {
  return command
    .option('--columns <names>', 'print columns: key, value, expires, or fields of JSON values: id,name,address.city')
    .option('--template <text>', "print a line for each: '{key} {value.name}'; see kv help templates")
    .option('--field <field>', 'print this field of JSON values in their place: name, address.city, tags.0')
    .option('--json-values', 'write values that are JSON text as JSON')
}

/** Whether something else than keys and values is to be printed. */
export function isSelection({ columns, template, field }: SelectionFlags): boolean {
  return (columns ?? template ?? field) !== undefined
}

/** Options that have no meaning together. */
const EXCLUDING: Readonly<Record<string, readonly string[]>> = {
  '--columns': ['--template', '--field', '--keys', '--values', '--count', '--json-values', '-0'],
  '--template': ['--field', '--keys', '--values', '--count', '--json-values', '--format', '--json'],
  '--field': ['--count', '--value-encoding'],
}

/** Throws `KV_USAGE` for flags that have no meaning together. */
export function checkSelection(
  flags: SelectionFlags & { keys?: boolean; values?: boolean; count?: boolean },
  { formatFlag, jsonFlag }: { readonly formatFlag: string | undefined; readonly jsonFlag: boolean },
): void {
  const given: Readonly<Record<string, boolean | undefined>> = {
    '--columns': flags.columns !== undefined,
    '--template': flags.template !== undefined,
    '--field': flags.field !== undefined,
    '--keys': flags.keys,
    '--values': flags.values,
    '--count': flags.count,
    '--json-values': flags.jsonValues,
    '-0': flags[0],
    '--format': formatFlag !== undefined,
    '--json': jsonFlag,
    '--value-encoding': flags.valueEncoding !== 'utf8',
  }
  for (const [name, others] of Object.entries(EXCLUDING)) {
    const other = given[name] ? others.find((each) => given[each]) : undefined
    if (other !== undefined) throw usageError(`${name} cannot be used with ${other}`)
  }
}

/**
 * Takes a field such as `.address.city` out of the operands of a command: one that begins with a dot, is not the first, and
 * does not stand after `--`; the `last` operands do. Throws `KV_USAGE` when there are several.
 */
export function takeField(
  operands: readonly string[],
  last: number,
): { operands: string[]; field: string | undefined } {
  const isField = (text: string, at: number): boolean => at > 0 && at < operands.length - last && text.startsWith('.')
  const fields = operands.filter(isField)
  if (fields.length > 1)
    throw usageError(
      `one field at a time, not ${fields.join(' ')}`,
      `several fields: --columns ${fields.map((field) => field.slice(1)).join(',')}; keys that begin with a dot stand after --`,
    )
  return { operands: operands.filter((text, at) => !isField(text, at)), field: fields[0]?.slice(1) }
}
