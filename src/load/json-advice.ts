import { utf8 } from '../bytes.ts'
import { JsonScanner } from '../formats/json/scanner.ts'
import { type ParserOptions, FIELDS } from '../formats/record-reader.ts'
import { fieldText } from './field-text.ts'
import { type InputSource, again } from './suggested-command.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const OPEN_OBJECT = 0x7b

/** Names that fields have which tell records apart, the likeliest first. */
const LIKELY_KEYS = ['id', '_id', 'key', 'uuid', 'name', 'code']

/** Names that a hint lists. */
const LISTED = 10

/** How deep in a document its records are looked for. */
const DEEPEST = 3

/** A member of an object, as far as it is there. */
interface Member {
  readonly name: string
  /** Where its value begins. */
  readonly start: number
}

/**
 * How the records of JSON text are read whose first one has not what is asked for: the array that they are in, the field
 * that can be the key, or which fields there are. `options` say the format.
 */
export function fieldsHint(
  text: string,
  isLines: boolean,
  source: InputSource,
  { mapping, at }: Pick<ParserOptions, 'mapping' | 'at'>,
  options: readonly string[],
): string | undefined {
  const bytes = utf8(text)
  const scanner = new JsonScanner()
  scanner.reset(bytes, bytes.length)
  const start = scanner.space(0)
  const isArray = scanner.at(start) === OPEN_ARRAY
  if (isLines && isArray) return undefined
  const members = membersOf(scanner, bytes, isArray ? scanner.space(start + 1) : start)
  const isLost = !isLines && (at ?? mapping?.key) !== undefined
  const list = isArray ? undefined : listAmong(members, scanner, bytes, isLost ? DEEPEST : 1)
  if (list !== undefined && JSON.stringify(list.path) !== JSON.stringify(at)) {
    const key = mapping?.key === undefined ? keyAmong(list.members, scanner) : []
    const names = list.path.map(fieldText)
    const field = list.path.length === 1 ? JSON.stringify(list.path[0]) : names.join('.')
    if (!names.includes(undefined) && key !== undefined)
      return `its records seem to be in the field ${field}: ${again(source, ['--at', names.join('.'), ...key])}`
  }
  if (at !== undefined) return undefined
  if (mapping?.key !== undefined) {
    const names = members.slice(0, LISTED).map(({ name }) => fieldText(name) ?? '...')
    return names.length === 0
      ? undefined
      : `its fields are ${names.join(', ')}${members.length > LISTED ? ' and more' : ''}`
  }
  // A map of keys to values, unless its names say otherwise, and what is a record of kv but for a mistake.
  if (members.length === 0 || members.some(({ name }) => FIELDS.includes(name))) return undefined
  if (!isLines && !isArray && !isFollowed(scanner, start, bytes)) return undefined
  const key = keyAmong(members, scanner)
  return key === undefined ? undefined : `a field can be the key: ${again(source, [...options, ...key])}`
}

/** Whether the document at `at` is one of several. */
function isFollowed(scanner: JsonScanner, at: number, bytes: Uint8Array): boolean {
  const end = scanner.value(at)
  return end >= 0 && scanner.space(end) < bytes.length
}

/** The members of the object at `at`, as far as they are there; none when there is no object. */
function membersOf(scanner: JsonScanner, bytes: Uint8Array, at: number): Member[] {
  const members: Member[] = []
  if (scanner.at(at) !== OPEN_OBJECT) return members
  do {
    at = scanner.space(at + 1)
    const end = scanner.at(at) === QUOTE ? scanner.string(at) : -1
    const start = end < 0 ? -1 : scanner.colon(end)
    if (start < 0) break
    try {
      members.push({ name: JSON.parse(Buffer.from(bytes.subarray(at, end)).toString()) as string, start })
    } catch {
      break
    }
    const next = scanner.value(start)
    if (next < 0) break
    at = scanner.space(next)
  } while (scanner.at(at) === COMMA)
  return members
}

/** The first array of objects, not so deep down, with the members of its first one. */
function listAmong(
  members: readonly Member[],
  scanner: JsonScanner,
  bytes: Uint8Array,
  depth: number,
): { path: string[]; members: Member[] } | undefined {
  for (const { name, start } of members) {
    if (scanner.at(start) !== OPEN_ARRAY) continue
    const first = membersOf(scanner, bytes, scanner.space(start + 1))
    if (first.length > 0) return { path: [name], members: first }
  }
  if (depth === 1) return undefined
  for (const { name, start } of members) {
    const inner = listAmong(membersOf(scanner, bytes, start), scanner, bytes, depth - 1)
    if (inner !== undefined) return { ...inner, path: [name, ...inner.path] }
  }
  return undefined
}

/** The option that makes a key of a field: none where the records are those of kv, `undefined` where no field is one. */
function keyAmong(members: readonly Member[], scanner: JsonScanner): string[] | undefined {
  const names = members
    .filter(({ start }) => ![OPEN_ARRAY, OPEN_OBJECT].includes(scanner.at(start)))
    .map(({ name }) => name)
  if (names.includes('key') && names.includes('value')) return []
  const name = LIKELY_KEYS.find((likely) => names.includes(likely)) ?? names.find((other) => other !== '')
  const key = name === undefined ? undefined : fieldText(name)
  return key === undefined ? undefined : ['--key', key]
}
