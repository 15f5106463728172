import { utf8 } from '../../bytes.ts'
import type { Converted, Converter } from './converter.ts'

/** Stands for a byte that means no character. */
const NONE = '\ufffd'

/**
 * Where older versions of Node decode otherwise than the standard says, or not at all: the right characters from a
 * byte on.
 */
const CORRECTIONS: Readonly<Record<string, readonly (readonly [from: number, characters: string])[]>> = {
  'iso-8859-16': [
    [0xa0, '\xa0ĄąŁ€„Š§š©Ș«Ź\xadźŻ°±ČłŽ”¶·žčș»ŒœŸżÀÁÂĂÄĆÆÇÈÉÊËÌÍÎÏĐŃÒÓÔŐÖŚŰÙÚÛÜĘȚßàáâăäćæçèéêëìíîïđńòóôőöśűùúûüęțÿ'],
  ],
  'koi8-u': [
    [0xae, 'ў'],
    [0xbe, 'Ў'],
  ],
  'windows-874': [
    [0xdb, NONE.repeat(4)],
    [0xfc, NONE.repeat(4)],
  ],
  'windows-1252': [[0x80, '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ']],
  'windows-1253': [[0xaa, NONE]],
  'windows-1255': [[0xca, '\u05ba']],
}

/** The most bytes of UTF-8 that one byte becomes. */
const WIDTH = 3

/** An encoding in which each byte is a character, and those below 128 are ASCII. */
export class SingleByteConverter implements Converter {
  /** The UTF-8 of each byte, {@link WIDTH} bytes apart, and its length: 0 where the byte means nothing. */
  readonly #sequences = new Uint8Array(256 * WIDTH)
  readonly #lengths = new Uint8Array(256)
  #done = 0

  /** @param name as the standard spells it */
  constructor(name: string) {
    for (let byte = 0; byte < 0x80; byte++) this.#define(byte, String.fromCharCode(byte))
    for (const [n, character] of upperHalf(name).entries()) this.#define(0x80 + n, character)
    for (const [from, characters] of CORRECTIONS[name] ?? [])
      for (const [n, character] of [...characters].entries()) this.#define(from + n, character)
  }

  #define(byte: number, character: string): void {
    const sequence = character === NONE ? new Uint8Array() : utf8(character)
    this.#sequences.set(sequence, byte * WIDTH)
    this.#lengths[byte] = sequence.length
  }

  convert(bytes: Uint8Array): Converted {
    const out = new Uint8Array(bytes.length * WIDTH)
    const sequences = this.#sequences
    const lengths = this.#lengths
    let length = 0
    let at = 0
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!
      const width = byte < 0x80 ? 1 : lengths[byte]!
      if (width === 0) break
      const from = byte * WIDTH
      out[length++] = sequences[from]!
      for (let n = 1; n < width; n++) out[length++] = sequences[from + n]!
    }
    this.#done += at
    return { utf8: out.subarray(0, length), faultAt: at < bytes.length ? this.#done : undefined }
  }

  end(): Converted {
    return { utf8: new Uint8Array(), faultAt: undefined }
  }
}

/** What the bytes from 128 on mean to this Node. */
function upperHalf(name: string): string[] {
  const bytes = Array.from({ length: 0x80 }, (_, n) => 0x80 + n)
  // Not known to older versions, and all of it is in the corrections.
  if (name === 'iso-8859-16') return bytes.map((byte) => String.fromCharCode(byte))
  const decoder = new TextDecoder(name, { fatal: true })
  return bytes.map((byte) => {
    try {
      return decoder.decode(Uint8Array.of(byte))
    } catch {
      return NONE
    }
  })
}
