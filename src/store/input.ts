import { utf8 } from '../bytes.ts'
import { type Code, KvError, usageError } from '../errors.ts'
import type { Condition } from './driver/entry.ts'

/** Text stands for its UTF-8 bytes; of an array buffer or any view of one, its bytes count. */
export type KeyInput = string | ArrayBufferLike | ArrayBufferView

/** A {@link Condition} as callers may write it. */
export type ConditionInput =
  | Exclude<Condition, { type: 'value' }>
  | { readonly type: 'value'; readonly value: KeyInput }

/** The bytes of an input, not copied. Throws `code` for what is neither bytes nor well-formed text. */
export function bytesOf(input: KeyInput, code: Code, what: string): Uint8Array {
  if (typeof input === 'string') {
    if (!input.isWellFormed()) throw new KvError(code, `the ${what} holds a lone surrogate, which has no UTF-8 bytes`)
    return utf8(input)
  }
  if (input instanceof Uint8Array) return input
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  if (isBytes(input)) return new Uint8Array(input)
  throw new KvError(code, `a ${what} is a string or bytes, not ${kindOf(input)}`, {
    hint: typeof input === 'number' ? 'write it as text: String(number)' : 'for other values use JSON.stringify',
  })
}

/** The same, copied unless they were made from text. */
export function ownBytesOf(input: KeyInput, code: Code, what: string): Uint8Array {
  const bytes = bytesOf(input, code, what)
  // From Node's pool: an array buffer for each value costs several times as much.
  return typeof input === 'string' ? bytes : Buffer.from(bytes)
}

/** A condition, with a copy of its value. Throws `KV_USAGE` for one that is not understood. */
export function conditionOf(input: ConditionInput | undefined): Condition | undefined {
  if (input === undefined) return undefined
  const { type } = isObject(input) ? input : { type: undefined }
  switch (type) {
    case 'absent':
      checkNames(input, ['type'], 'the condition absent')
      return { type }
    case 'value':
      checkNames(input, ['type', 'value'], 'the condition value')
      return { type, value: ownBytesOf((input as { value: KeyInput }).value, 'KV_USAGE', 'value of a condition') }
    case 'revision': {
      checkNames(input, ['type', 'revision'], 'the condition revision')
      const { revision } = input as { revision: number }
      if (!Number.isSafeInteger(revision) || revision < 0)
        throw usageError(`a revision is a whole number of 0 or more, not ${shown(revision)}`)
      return { type, revision }
    }
    default:
      throw usageError(
        `not a condition: ${shown(input)}`,
        "{ type: 'absent' }, { type: 'value', value } or { type: 'revision', revision }",
      )
  }
}

/** Throws `KV_USAGE` unless options are an object with no other names than these, and their signal, if any, is one. */
export function checkOptions(options: unknown, names: readonly string[], what: string): void {
  if (options === undefined) return
  if (!isObject(options)) throw usageError(`the options of ${what} are an object, not ${kindOf(options)}`)
  checkNames(options, names, what)
  const { signal } = options as { signal?: unknown }
  if (
    signal !== undefined &&
    !(isObject(signal) && typeof signal['aborted'] === 'boolean' && typeof signal['addEventListener'] === 'function')
  ) {
    throw usageError(`the signal of ${what} is an AbortSignal, not ${kindOf(signal)}`)
  }
}

/** Throws `KV_USAGE` for a name that is not among these. */
export function checkNames(object: object, names: readonly string[], what: string): void {
  for (const name in object) {
    if (!names.includes(name)) throw usageError(`${what} knows no ${name}`, `it knows ${names.join(', ')}`)
  }
}

/** An option that is true or false, `undefined` when it is not given. Throws `KV_USAGE` for anything else. */
export function flagOf(value: unknown, name: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean')
    throw usageError(`${name} is true or false, not ${kindOf(value)}`)
  return value
}

/** Throws `KV_USAGE` unless an option is not given, or is a function. */
export function checkFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== 'function')
    throw usageError(`${name} is a function, not ${kindOf(value)}`)
}

/** Throws `KV_USAGE` unless an option is not given, or is a number of `least` or more. */
export function checkNumber(value: unknown, name: string, least: number): void {
  if (value !== undefined && !(typeof value === 'number' && value >= least))
    throw usageError(`${name} is a number of ${least} or more, not ${shown(value)}`)
}

/** Throws `KV_USAGE` for what is given and no whole number from `least` on. */
export function checkWholeNumber(value: unknown, name: string, least: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= least))
    throw usageError(`${name} is a whole number of ${least} or more, not ${shown(value)}`)
}

/** What a value is, for messages: `null`, `a number`, `an object`, `an Array`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  const name =
    typeof value === 'object'
      ? (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name
      : undefined
  const kind = name === undefined || name === 'Object' ? typeof value : name
  return `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Whether something is an array buffer or a view of one. */
export function isBytes(input: unknown): input is ArrayBufferLike | ArrayBufferView {
  return (
    ArrayBuffer.isView(input) ||
    input instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && input instanceof SharedArrayBuffer)
  )
}

/** A value as a message shows it: text and numbers as they are, of anything else what it is. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'number' ? String(value) : kindOf(value)
}
