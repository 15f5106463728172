/** What some bytes of text came to as UTF-8. */
export interface Converted {
  /** The text before what is not text, or all of it. */
  readonly utf8: Uint8Array
  /** How many bytes of the whole input stand before the first character that is none; `undefined`: all is text. */
  readonly faultAt: number | undefined
}

/** Turns text in one encoding into UTF-8, a piece at a time. After a fault nothing more may be asked. */
export interface Converter {
  /** Converts the next bytes; those of a character that is not complete wait for the next call. */
  convert(bytes: Uint8Array): Converted
  /** Says that nothing follows. */
  end(): Converted
}
