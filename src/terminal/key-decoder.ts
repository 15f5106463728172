import { type TypedText, decodeTyped, utf8Length } from './typed-text.ts'
import { CONTROL_KEYS, KEYPAD_TEXT, LETTER_KEYS, SMALL_ARROWS, TILDE_KEYS } from './key-names.ts'

/** A key, or a pasted text. */
export interface Key {
  readonly type: 'key' | 'paste'
  /**
   * As Node's `readline` names keys: `home`, `return`, `a`; `''` for what has no name, and for a paste. A name comes
   * from what was typed and from nothing else; what happens to the terminal besides is told by `type`.
   */
  readonly name: string
  /** The text it types, or that was pasted; bytes that are not UTF-8 as {@link TypedText} has them. */
  readonly text: TypedText
  readonly ctrl: boolean
  readonly meta: boolean
  readonly shift: boolean
}

type Modifiers = Partial<Pick<Key, 'ctrl' | 'meta' | 'shift'>>

const PASTE_START = '\u001b[200~'
const PASTE_END = '\u001b[201~'

// Each matches at one place. Bytes are held as characters up to U+00FF.
const CSI = /\u001b?\u001b\[(?:\[([A-E])|(\d+(?:;\d+)*)\$|([0-?]*)[ -/]*([@-Z\\-~]))/y
const SS3 = /\u001b?\u001bO(\d*)(?:;(\d+))?([A-Za-z])/y
/** What a terminal answers or tells, from `ESC ]`, `ESC P` and the like up to its end. */
const STRING = /\u001b[\]P_^X][^\u0007\u001b\u0018\u001a\u0003]*(?:\u0007|\u001b\\)/y
/** The start of one of these. */
const INCOMPLETE = /\u001b?\u001b(?:\[\[?[0-?]*[ -/]*|O[\d;]*|[\]P_^X][^\u0007\u001b\u0018\u001a\u0003]*\u001b?)?$/y

/** Makes keys of the bytes that a terminal sends, which may come in pieces. What stands for no key types nothing. */
export class KeyDecoder {
  /** Bytes of which it is not known yet what they are, as Latin-1. */
  #rest = ''
  #pasted: string[] | undefined

  /** Whether bytes are held back because they may go on; {@link flush} takes them as they are. */
  get waits(): boolean {
    return this.#rest !== '' && this.#pasted === undefined
  }

  /** The keys that are complete with these bytes. */
  write(bytes: Uint8Array): Key[] {
    // A paste whose end got lost must not take the keyboard along.
    if (this.#pasted !== undefined && bytes.length === 1 && bytes[0] === 0x03) this.reset()
    return this.#decode(this.#rest + Buffer.from(bytes).toString('latin1'), false)
  }

  /** Takes what is held back for all there is: Escape was the key itself. */
  flush(): Key[] {
    return this.#pasted === undefined ? this.#decode(this.#rest, true) : []
  }

  /** Forgets what is held back. */
  reset(): void {
    this.#rest = ''
    this.#pasted = undefined
  }

  #decode(source: string, isAll: boolean): Key[] {
    const keys: Key[] = []
    let at = 0
    while (at < source.length) {
      const next =
        this.#pasted === undefined ? decodeOne(source, at, isAll, keys) : this.#paste(source, at, keys, this.#pasted)
      if (next === 'paste') {
        at += PASTE_START.length
        this.#pasted = []
      } else if (next === at) break
      else at = next
    }
    this.#rest = source.slice(at)
    return keys
  }

  /** Takes pasted text up to its end, or to where its end may begin. */
  #paste(source: string, at: number, keys: Key[], pasted: string[]): number {
    const end = source.indexOf(PASTE_END, at)
    if (end < 0) {
      const begun = [...PASTE_END].findLastIndex(
        (_, length) => length > 0 && source.endsWith(PASTE_END.slice(0, length)),
      )
      const stop = Math.max(at, source.length - Math.max(0, begun))
      pasted.push(source.slice(at, stop))
      return stop
    }
    pasted.push(source.slice(at, end))
    const text = decodeTyped(Buffer.from(pasted.join(''), 'latin1')).replaceAll(/\r\n?/g, '\n')
    keys.push({ ...named(''), type: 'paste', text })
    this.#pasted = undefined
    return end + PASTE_END.length
  }
}

/** Adds the key that begins at `at`; returns where the next one begins, `at` itself when more must come. */
function decodeOne(source: string, at: number, isAll: boolean, keys: Key[]): number | 'paste' {
  if (source[at] !== '\u001b') return decodePlain(source, at, isAll, keys, {})
  if (source.startsWith(PASTE_START, at)) return 'paste'
  for (const [pattern, toKey] of SEQUENCES) {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match === null) continue
    const key = toKey(match)
    if (key !== undefined) keys.push(match[0].startsWith('\u001b\u001b') ? { ...key, meta: true, text: '' } : key)
    return pattern.lastIndex
  }
  INCOMPLETE.lastIndex = at
  if (INCOMPLETE.test(source)) {
    if (!isAll) return at
    // Alt and a key that begins sequences, or a sequence that broke off.
    const length = source.length - at
    if (length === 1 || source[at + 1] === '\u001b') keys.push(named('escape'))
    else if (length === 2) return decodePlain(source, at + 1, true, keys, { meta: true })
    return length > 1 && source[at + 1] === '\u001b' ? at + 1 : source.length
  }
  if (source[at + 1] === '\u001b') {
    keys.push(named('escape'))
    return at + 1
  }
  const next = decodePlain(source, at + 1, isAll, keys, { meta: true })
  return next === at + 1 ? at : next
}

/** A key without a sequence: a control byte, or a character of one to four bytes. */
function decodePlain(source: string, at: number, isAll: boolean, keys: Key[], modifiers: Modifiers): number {
  const byte = source.charCodeAt(at)
  if (byte < 0x20 || byte === 0x7f) {
    keys.push(control(byte, modifiers))
    return at + 1
  }
  const length = utf8Length(byte)
  if (at + length > source.length && !isAll) return at
  const bytes = Buffer.from(source.slice(at, at + length), 'latin1')
  const text = decodeTyped(bytes)
  // Of bytes that are no character the first stands for itself; the next may begin one.
  const whole = text.isWellFormed()
  keys.push(character(whole ? text : text.slice(0, 1), modifiers))
  return at + (whole ? bytes.length : 1)
}

const SEQUENCES: readonly (readonly [RegExp, (match: RegExpExecArray) => Key | undefined])[] = [
  [
    CSI,
    ([, consoleKey, rxvt, parameters = '', final = '']) => {
      if (consoleKey !== undefined) return named(`f${consoleKey.charCodeAt(0) - 64}`)
      if (rxvt !== undefined) return tilde(rxvt, { shift: true })
      if (final === '^') return tilde(parameters, { ctrl: true })
      if (final === '@') return tilde(parameters, { ctrl: true, shift: true })
      if (final === '~') return tilde(parameters, {})
      const numbers = parameters.split(';')
      if (final === 'u') return coded(numbers[0], numbers[1])
      if (final === 'Z') return named('tab', { ...modifiersOf(numbers[1]), shift: true })
      if (parameters === '' && Object.hasOwn(SMALL_ARROWS, final)) return named(SMALL_ARROWS[final]!, { shift: true })
      if (!/^[\d;]*$/.test(parameters) || !Object.hasOwn(LETTER_KEYS, final)) return undefined
      // Without a second number some terminals give the modifiers as the first.
      return named(LETTER_KEYS[final]!, modifiersOf(numbers[1] ?? numbers[0]))
    },
  ],
  [
    SS3,
    ([, first = '', second, final = '']) => {
      const modifiers = modifiersOf(second ?? first)
      if (final === 'M') return named('return', modifiers)
      if (Object.hasOwn(SMALL_ARROWS, final)) return named(SMALL_ARROWS[final]!, { ctrl: true })
      if (Object.hasOwn(KEYPAD_TEXT, final)) return character(KEYPAD_TEXT[final]!, modifiers)
      return Object.hasOwn(LETTER_KEYS, final) ? named(LETTER_KEYS[final]!, modifiers) : undefined
    },
  ],
  [STRING, () => undefined],
]

/** A key of `ESC [ NUMBER ; MODIFIERS ~`; of `27 ; MODIFIERS ; CODE` as xterm writes other keys with modifiers. */
function tilde(parameters: string, modifiers: Modifiers): Key | undefined {
  const [number = '', second, third] = parameters.split(';')
  if (number === '27' && third !== undefined) return coded(third, second)
  return Object.hasOwn(TILDE_KEYS, number)
    ? named(TILDE_KEYS[number]!, { ...modifiersOf(second), ...modifiers })
    : undefined
}

/** A key given by its code point. */
function coded(code = '', modifiers: string | undefined): Key | undefined {
  const point = Number.parseInt(code, 10)
  if (!(point < 0x110000) || (point >= 0xd800 && point < 0xe000)) return undefined
  const held = modifiersOf(modifiers)
  if (Object.hasOwn(CONTROL_KEYS, point)) return named(CONTROL_KEYS[point]!, held)
  // What the terminal's protocol uses for keys without a character.
  if (point < 0x20 || (point >= 0xe000 && point < 0xf900)) return undefined
  return character(String.fromCodePoint(point), held)
}

function control(byte: number, modifiers: Modifiers): Key {
  const name = CONTROL_KEYS[byte]
  if (name !== undefined) return named(name, modifiers)
  return named(byte === 0 ? 'space' : String.fromCharCode(byte + 64).toLowerCase(), { ...modifiers, ctrl: true })
}

function character(text: string, modifiers: Modifiers): Key {
  const types = modifiers.ctrl !== true && modifiers.meta !== true
  const isLetter = /^[A-Z]$/.test(text)
  return {
    ...named(text === ' ' ? 'space' : text.toLowerCase(), isLetter ? { ...modifiers, shift: true } : modifiers),
    text: types ? text : '',
  }
}

/** Modifiers as a terminal numbers them: 1 and the sum of Shift 1, Alt 2, Ctrl 4, Meta 8. */
function modifiersOf(number = ''): Modifiers {
  const bits = Number.parseInt(number, 10) - 1
  return bits > 0 ? { shift: (bits & 1) !== 0, meta: (bits & 10) !== 0, ctrl: (bits & 4) !== 0 } : {}
}

function named(name: string, { ctrl = false, meta = false, shift = false }: Modifiers = {}): Key {
  return { type: 'key', name, text: '', ctrl, meta, shift }
}
