import { asBuffer } from '../../bytes.ts'
import type { Path } from '../path.ts'
import type { JsonScanner } from './scanner.ts'
import { JsonSkipper } from './skipper.ts'

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const QUOTE = 0x22
const COMMA = 0x2c

/** Names that a message tells, at most, and the longest part of each. */
const NAMED = 12
const LONGEST_NAME = 40

/** Where a {@link Descent} stands: between steps, in the container at its path, after the document; or what is wrong. */
type Place = 'cut' | 'there' | 'over' | 'refused'

/** An object or an array on the way. */
interface Level {
  readonly isObject: boolean
  /** Whether it has the next name of the path. */
  found: boolean
  /** How many members or elements came. */
  count: number
  /** The first names. */
  readonly names: string[]
}

/**
 * Goes down to the array or object at a path of a JSON document, and up again from its end to that of the document.
 * What lies beside the path is passed over, and not held.
 */
export class Descent {
  /** Where it stands after {@link go}; `cut`: the scanner has failed, at the end or where the text is not JSON. */
  place: Place = 'over'
  /** With `there`, the closing bracket of what is there. */
  closing = 0
  /** With `refused`, what is wrong with the document, which can be gone on with. */
  reason = ''
  readonly #path: Path
  readonly #scanner: JsonScanner
  readonly #skipper: JsonSkipper
  readonly #levels: Level[] = []
  #next: 'value' | 'first' | 'member' | 'skip' | 'separator' = 'value'
  #bytes: Uint8Array = new Uint8Array(0)

  /** @param scanner what goes through the text; whoever resets it resets this, too */
  constructor(path: Path, scanner: JsonScanner) {
    this.#path = path
    this.#scanner = scanner
    this.#skipper = new JsonSkipper(scanner)
  }

  /** Reads from `bytes` from now on: the same as the scanner does. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes
  }

  /** A document begins. */
  begin(): void {
    this.#levels.length = 0
    this.#next = 'value'
  }

  /**
   * Goes on at `at`, also after the closing bracket of what was there; where the text is `open`, more of it follows.
   * Returns the offset up to which the text is done with.
   */
  go(at: number, open: boolean): number {
    for (;;) {
      if (this.#next === 'separator' && this.#levels.length === 0) {
        this.place = 'over'
        return at
      }
      this.place = 'cut'
      if (this.#next === 'skip') {
        at = this.#skipper.skip(at, open)
        if (!this.#skipper.done) return at
        this.#next = 'separator'
        continue
      }
      const next = this.#step(this.#scanner.space(at))
      if (next < 0) return at
      at = next
      if (this.place !== 'cut') return at
    }
  }

  /** One step at a byte that is no blank; returns the offset after it, or -1 like the scanner. */
  #step(at: number): number {
    const level = this.#levels.at(-1)
    const byte = this.#scanner.at(at)
    if (this.#next === 'value') return this.#value(at, byte)
    const { isObject } = level!
    const isEnd = byte === (isObject ? CLOSE_OBJECT : OPEN_ARRAY + 2)
    if (isEnd && this.#next !== 'member') return this.#close(at + 1)
    if (this.#next === 'separator') {
      if (byte !== COMMA) return this.#scanner.fail(at, isObject ? "',' or '}'" : "',' or ']'")
      this.#next = 'member'
      return at + 1
    }
    return this.#member(at, level!)
  }

  #value(at: number, byte: number): number {
    const depth = this.#levels.length
    const isObject = byte === OPEN_OBJECT
    if (isObject || byte === OPEN_ARRAY) {
      if (depth === this.#path.length) {
        this.place = 'there'
        this.closing = byte + 2
        this.#next = 'separator'
        return at + 1
      }
      if (isObject || isIndex(this.#path[depth]!)) {
        this.#levels.push({ isObject, found: false, count: 0, names: [] })
        this.#next = 'first'
        return at + 1
      }
    }
    const kind = kindOf(byte)
    if (kind === undefined) return this.#scanner.fail(at, 'a value')
    const here = depth === 0 ? 'the document' : this.#named(depth)
    this.#refuse(
      depth === this.#path.length
        ? `${here} is ${kind}, neither an array nor an object`
        : `no field ${this.#named()}: ${here} is ${kind}`,
    )
    this.#skip()
    return at
  }

  #member(at: number, level: Level): number {
    const wanted = this.#path[this.#levels.length - 1]!
    let isWanted: boolean
    if (level.isObject) {
      if (this.#scanner.at(at) !== QUOTE) return this.#scanner.fail(at, 'a string')
      const nameEnd = this.#scanner.string(at)
      const value = nameEnd < 0 ? -1 : this.#scanner.colon(nameEnd)
      if (value < 0) return -1
      const name = JSON.parse(asBuffer(this.#bytes).toString('utf8', at, nameEnd)) as string
      isWanted = name === wanted
      if (level.names.length <= NAMED) level.names.push(name)
      at = value
    } else {
      isWanted = level.count === Number(wanted)
    }
    level.count++
    if (isWanted && !level.found) {
      level.found = true
      this.#next = 'value'
      return at
    }
    if (isWanted) this.#refuse(`field ${this.#named(this.#levels.length)} is there twice`)
    this.#skip()
    return at
  }

  #close(at: number): number {
    const depth = this.#levels.length - 1
    const { found, isObject, count, names } = this.#levels.pop()!
    this.#next = 'separator'
    if (found) return at
    const here = depth === 0 ? 'it' : this.#named(depth)
    const shown = names.slice(0, NAMED).map(shownName)
    const has = isObject
      ? count === 0
        ? 'nothing'
        : [...shown, ...(names.length > NAMED ? ['...'] : [])].join(', ')
      : `${count} element${count === 1 ? '' : 's'}`
    this.#refuse(`no field ${this.#named()}; ${here} has ${has}`)
    return at
  }

  #skip(): void {
    this.#next = 'skip'
    this.#skipper.begin()
  }

  #refuse(reason: string): void {
    this.place = 'refused'
    this.reason = reason
  }

  /** The first names of the path, for people. */
  #named(depth: number = this.#path.length): string {
    return JSON.stringify(this.#path.slice(0, depth).join('.'))
  }
}

function isIndex(name: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(name)
}

function shownName(name: string): string {
  const short = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME).toWellFormed()}...` : name
  return /^[\w.-]+$/.test(short) ? short : JSON.stringify(short)
}

/** What the value is that begins with a byte; `undefined`: none begins so. */
function kindOf(byte: number): string | undefined {
  switch (String.fromCharCode(byte)) {
    case '[':
      return 'an array'
    case '{':
      return 'an object'
    case '"':
      return 'a string'
    case 't':
    case 'f':
      return 'a boolean'
    case 'n':
      return 'null'
    default:
      return byte === 0x2d || (byte >= 0x30 && byte <= 0x39) ? 'a number' : undefined
  }
}
