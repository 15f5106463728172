import { utf8 } from '../../bytes.ts'
import type { Converted, Converter } from './converter.ts'

/** UTF-16 in the byte order that its mark says, which does not become part of the text, or in a given one without it. */
export class Utf16Converter implements Converter {
  #isBigEndian: boolean
  #hasBegun = false
  /** Bytes of a character that is not complete: three at most. */
  #waiting = new Uint8Array()
  #done = 0

  constructor(isBigEndian: boolean) {
    this.#isBigEndian = isBigEndian
  }

  convert(bytes: Uint8Array): Converted {
    const all = Buffer.concat([this.#waiting, bytes])
    let from = 0
    if (!this.#hasBegun && all.length >= 2) {
      this.#hasBegun = true
      const mark = all.readUInt16BE(0)
      if (mark === 0xfeff || mark === 0xfffe) {
        this.#isBigEndian = mark === 0xfeff
        from = 2
      }
    }
    let to = all.length - (all.length % 2)
    const high = all[to - (this.#isBigEndian ? 2 : 1)]
    if (to > from && high !== undefined && high >= 0xd8 && high < 0xdc) to -= 2
    if (to < from) to = from
    this.#waiting = Uint8Array.from(all.subarray(to))
    const units = all.subarray(from, to)
    if (this.#isBigEndian) units.swap16()
    const text = units.toString('utf16le')
    const before = this.#done
    this.#done += to
    if (text.isWellFormed()) return { utf8: utf8(text), faultAt: undefined }
    const lone = loneSurrogate(text)
    return { utf8: utf8(text.slice(0, lone)), faultAt: before + from + 2 * lone }
  }

  end(): Converted {
    return { utf8: new Uint8Array(), faultAt: this.#waiting.length > 0 ? this.#done : undefined }
  }
}

/** The index of the first surrogate without its other half. */
function loneSurrogate(text: string): number {
  let at = 0
  for (const character of text) {
    if (!character.isWellFormed()) break
    at += character.length
  }
  return at
}
