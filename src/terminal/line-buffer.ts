import { GRAPHEMES } from '../text-width.ts'

/** A character of a name. */
const IN_NAME = /[\p{L}\p{N}_]/u

/** Edits that can be taken back. */
const MAX_UNDO = 200

/** The text being edited, with a cursor between two of its characters as a person sees them. */
export class LineBuffer {
  #text = ''
  #cursor = 0
  #killed = ''
  #undo: { text: string; cursor: number }[] = []

  get text(): string {
    return this.#text
  }

  /** An index of {@link text}. */
  get cursor(): number {
    return this.#cursor
  }

  get atEnd(): boolean {
    return this.#cursor === this.#text.length
  }

  /** Replaces everything, the cursor at the end. */
  set(text: string, cursor = text.length): void {
    if (text !== this.#text) this.#remember()
    this.#text = text
    this.#cursor = cursor
  }

  /** Begins anew, with nothing to take back. */
  reset(text = ''): void {
    this.#text = text
    this.#cursor = text.length
    this.#undo = []
  }

  insert(text: string): void {
    this.replace(this.#cursor, this.#cursor, text)
  }

  /** Puts `text` in the place of what is between two indexes; the cursor stands after it. */
  replace(from: number, to: number, text: string): void {
    this.#remember()
    this.#text = this.#text.slice(0, from) + text + this.#text.slice(to)
    this.#cursor = from + text.length
  }

  left(): void {
    this.#cursor = this.#before()
  }

  right(): void {
    this.#cursor = this.#after()
  }

  wordLeft(): void {
    this.#cursor = this.#wordStart(IN_NAME)
  }

  wordRight(): void {
    this.#cursor = this.#wordEnd()
  }

  /** The start of the line the cursor is in. */
  lineStart(): void {
    this.#cursor = this.#lineStart()
  }

  /** The end of the line the cursor is in. */
  lineEnd(): void {
    this.#cursor = this.#lineEnd()
  }

  /** To the line above, or below; false when there is none. */
  vertical(step: -1 | 1): boolean {
    const start = this.#lineStart()
    const column = this.#cursor - start
    if (step < 0) {
      if (start === 0) return false
      const above = start < 2 ? 0 : this.#text.lastIndexOf('\n', start - 2) + 1
      this.#cursor = Math.min(above + column, start - 1)
      return true
    }
    const end = this.#lineEnd()
    if (end === this.#text.length) return false
    const nextEnd = this.#text.indexOf('\n', end + 1)
    this.#cursor = Math.min(end + 1 + column, nextEnd < 0 ? this.#text.length : nextEnd)
    return true
  }

  backspace(): void {
    if (this.#cursor > 0) this.replace(this.#before(), this.#cursor, '')
  }

  delete(): void {
    const at = this.#cursor
    if (at < this.#text.length) this.replace(at, this.#after(), '')
  }

  killToEnd(): void {
    const end = this.#lineEnd()
    this.#kill(this.#cursor, end === this.#cursor ? Math.min(end + 1, this.#text.length) : end)
  }

  killToStart(): void {
    this.#kill(this.#lineStart(), this.#cursor)
  }

  /** The word before the cursor, up to a blank. */
  killWordBack(): void {
    this.#kill(this.#wordStart(/\S/u), this.#cursor)
  }

  /** The word before the cursor, up to anything but letters and digits. */
  killNameBack(): void {
    this.#kill(this.#wordStart(IN_NAME), this.#cursor)
  }

  killWord(): void {
    this.#kill(this.#cursor, this.#wordEnd())
  }

  /** Puts in what was killed last. */
  yank(): void {
    this.insert(this.#killed)
  }

  /** Takes back the last edit. */
  undo(): void {
    const last = this.#undo.pop()
    if (last === undefined) return
    this.#text = last.text
    this.#cursor = last.cursor
  }

  #lineStart(): number {
    return this.#cursor === 0 ? 0 : this.#text.lastIndexOf('\n', this.#cursor - 1) + 1
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#cursor)
    return end < 0 ? this.#text.length : end
  }

  #before(): number {
    const window = this.#text.slice(Math.max(0, this.#cursor - 64), this.#cursor)
    const last = [...GRAPHEMES.segment(window)].at(-1)
    return this.#cursor - (last?.segment.length ?? 0)
  }

  #after(): number {
    const [first] = GRAPHEMES.segment(this.#text.slice(this.#cursor, this.#cursor + 64))
    return this.#cursor + (first?.segment.length ?? 0)
  }

  /** Where the word before the cursor begins: back over what is not of words, then over what is. */
  #wordStart(inWord: RegExp): number {
    let at = this.#cursor
    for (const isWord of [false, true]) {
      for (
        let size: number;
        at > 0 && inWord.test(this.#text.slice(at - (size = this.#sizeBefore(at)), at)) === isWord;
        at -= size
      );
    }
    return at
  }

  /** Code units of the character before an index. */
  #sizeBefore(at: number): 1 | 2 {
    return at > 1 && this.#text.codePointAt(at - 2)! > 0xffff ? 2 : 1
  }

  #wordEnd(): number {
    return this.#cursor + /^[^\p{L}\p{N}_]*[\p{L}\p{N}_]*/u.exec(this.#text.slice(this.#cursor))![0].length
  }

  #kill(from: number, to: number): void {
    if (from === to) return
    this.#killed = this.#text.slice(from, to)
    this.replace(from, to, '')
    this.#cursor = from
  }

  #remember(): void {
    this.#undo.push({ text: this.#text, cursor: this.#cursor })
    if (this.#undo.length > MAX_UNDO) this.#undo.shift()
  }
}
