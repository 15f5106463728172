import { asBuffer, utf8 } from '../../bytes.ts'
import type { Path } from '../path.ts'
import type { JsonScanner } from './scanner.ts'

/** What stands at a path: nothing, a string without or with escapes, or another value. */
export const ABSENT = 0
export const PLAIN_STRING = 1
export const ESCAPED_STRING = 2
export const OTHER = 3

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const QUOTE = 0x22
const COMMA = 0x2c

/** A place in a value that paths lead to or through. */
interface Node {
  /** The name that leads here. */
  readonly name: Uint8Array
  /** The same as an index of an array; -1: none. */
  readonly index: number
  /** The path to here, for people. */
  readonly label: string
  /** The number of the value in which it was found last. */
  seen: number
  /** The field that lies here; -1: paths only go on from here. */
  field: number
  readonly children: Node[]
}

/**
 * Finds the values at some paths of a JSON value while it is scanned, without making values of it. Bytes are not
 * changed. The paths differ from each other.
 */
export class JsonFields {
  /** A field that the value had twice, or what leads to one; `undefined`: none. The last of them counts. */
  twice: string | undefined
  readonly #scanner: JsonScanner
  readonly #root: Node = node('', '')
  readonly #kind: Uint8Array
  readonly #start: Uint32Array
  readonly #end: Uint32Array
  #bytes: Uint8Array = new Uint8Array(0)
  /** How many values were read. */
  #values = 0

  /** @param scanner what goes through the text; whoever resets it resets this, too */
  constructor(paths: readonly Path[], scanner: JsonScanner) {
    this.#scanner = scanner
    this.#kind = new Uint8Array(paths.length)
    this.#start = new Uint32Array(paths.length)
    this.#end = new Uint32Array(paths.length)
    for (const [field, path] of paths.entries()) {
      let place = this.#root
      for (const [depth, name] of path.entries()) {
        let child = place.children.find((other) => asBuffer(other.name).toString() === name)
        if (child === undefined) place.children.push((child = node(name, path.slice(0, depth + 1).join('.'))))
        place = child
      }
      place.field = field
    }
  }

  /** Reads from `bytes` from now on: the same as the scanner does. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes
  }

  /** Scans the value at `at` and notes the fields in it. Returns the offset after it, or -1 like the scanner. */
  read(at: number): number {
    this.clear()
    return this.#value(at, this.#root)
  }

  /** Forgets what was noted. */
  clear(): void {
    this.twice = undefined
    this.#values++
    for (let field = 0; field < this.#kind.length; field++) this.#kind[field] = ABSENT
  }

  /** What a field is: {@link ABSENT} and the others. */
  kind(field: number): number {
    return this.#kind[field]!
  }

  /** The offset of a field's first byte; of a string, after its quote. */
  start(field: number): number {
    return this.#start[field]!
  }

  /** The offset after a field's last byte; of a string, before its quote. */
  end(field: number): number {
    return this.#end[field]!
  }

  #value(at: number, place: Node): number {
    const scanner = this.#scanner
    const first = scanner.at(at)
    if (first === QUOTE) {
      const end = scanner.string(at)
      if (end >= 0) this.#note(place, scanner.escaped ? ESCAPED_STRING : PLAIN_STRING, at + 1, end - 1)
      return end
    }
    const goesOn = place.children.length > 0
    const end =
      goesOn && first === OPEN_OBJECT
        ? this.#object(at, place)
        : goesOn && first === OPEN_ARRAY
          ? this.#array(at, place)
          : scanner.value(at)
    if (end >= 0) this.#note(place, OTHER, at, end)
    return end
  }

  #object(at: number, place: Node): number {
    const scanner = this.#scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === CLOSE_OBJECT) return at + 1
    for (let expected = "a string or '}'"; ; expected = 'a string') {
      if (scanner.at(at) !== QUOTE) return scanner.fail(at, expected)
      const nameEnd = scanner.string(at)
      if (nameEnd < 0) return -1
      const child = this.#named(place, at, nameEnd)
      if (child !== undefined) this.#see(child)
      at = scanner.colon(nameEnd)
      if (at >= 0) at = child === undefined ? scanner.value(at) : this.#value(at, child)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === CLOSE_OBJECT) return at + 1
      if (next !== COMMA) return scanner.fail(at, "',' or '}'")
      at = scanner.space(at + 1)
    }
  }

  #array(at: number, place: Node): number {
    const scanner = this.#scanner
    at = scanner.space(at + 1)
    if (scanner.at(at) === CLOSE_ARRAY) return at + 1
    for (let index = 0; ; index++) {
      const child = place.children.find((other) => other.index === index)
      at = child === undefined ? scanner.value(at) : this.#value(at, child)
      if (at < 0) return -1
      at = scanner.space(at)
      const next = scanner.at(at)
      if (next === CLOSE_ARRAY) return at + 1
      if (next !== COMMA) return scanner.fail(at, "',' or ']'")
      at = scanner.space(at + 1)
    }
  }

  /** The place that the name (with its quotes) between two offsets leads to. */
  #named({ children }: Node, start: number, end: number): Node | undefined {
    if (this.#scanner.escaped) {
      const name = utf8(JSON.parse(asBuffer(this.#bytes).toString('utf8', start, end)) as string)
      return children.find((child) => Buffer.compare(child.name, name) === 0)
    }
    for (let n = 0; n < children.length; n++) {
      const child = children[n]!
      if (child.name.length === end - start - 2 && this.#isAt(start + 1, child.name)) return child
    }
    return undefined
  }

  #isAt(start: number, name: Uint8Array): boolean {
    for (let n = 0; n < name.length; n++) if (this.#bytes[start + n] !== name[n]) return false
    return true
  }

  #see(place: Node): void {
    if (place.seen === this.#values) {
      this.twice ??= place.label
      this.#forget(place)
    }
    place.seen = this.#values
  }

  /** Forgets what was noted at a place and below it. */
  #forget({ field, children }: Node): void {
    if (field >= 0) this.#kind[field] = ABSENT
    for (const child of children) this.#forget(child)
  }

  #note({ field }: Node, kind: number, start: number, end: number): void {
    if (field < 0) return
    this.#kind[field] = kind
    this.#start[field] = start
    this.#end[field] = end
  }
}

function node(name: string, label: string): Node {
  const index = /^(?:0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1
  return { name: utf8(name), index, label, seen: 0, field: -1, children: [] }
}
