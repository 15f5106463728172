import type { Command } from 'commander'
import { KvError, usageError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import type { Condition } from '../../store/driver/entry.ts'
import { type ValueFlags, parseValue, wholeNumber } from './arguments.ts'

/** The flags of a command that writes only under a condition. */
export interface ConditionFlags extends ValueFlags {
  ifAbsent?: boolean
  ifValue?: string
  ifRevision?: number
}

/** Adds `--if-value` and `--if-revision` to a command. */
export function addConditions(command: Command): Command {
  return command
    .option('--if-value <value>', 'only if the key has this value now')
    .option('--if-revision <n>', 'only if kv peek shows this revision of the entry now; 0: if there is none', (text) =>
      wholeNumber(text, '--if-revision'),
    )
}

/** The condition that flags ask for; `undefined`: none. Throws `KV_USAGE` for more than one. */
export function conditionOf({ ifAbsent, ifValue, ifRevision, valueEncoding }: ConditionFlags): Condition | undefined {
  const given = [
    ifAbsent && '--if-absent',
    ifValue !== undefined && '--if-value',
    ifRevision !== undefined && '--if-revision',
  ]
  const [first, second] = given.filter((flag) => typeof flag === 'string')
  if (second !== undefined) throw usageError(`${first} and ${second} exclude each other`)
  if (ifAbsent) return { type: 'absent' }
  if (ifRevision !== undefined) return { type: 'revision', revision: ifRevision }
  return ifValue === undefined ? undefined : { type: 'value', value: parseValue(ifValue, valueEncoding) }
}

/**
 * The error of a write whose condition does not hold.
 * @param what did not happen, such as `not stored`
 * @param revision of the entry that is there; 0: there is none, or it has none
 */
export function conditionFailed(what: string, key: Uint8Array, condition: Condition, revision: number): KvError {
  const forNone = condition.type === 'absent' || (condition.type === 'revision' && condition.revision === 0)
  const other = condition.type === 'value' ? 'exists with another value' : `exists with another revision, ${revision}`
  const why = forNone ? 'exists' : revision > 0 ? other : 'does not exist'
  return new KvError('KV_CONDITION', `${what}: ${displayKey(key)} ${why}`)
}
