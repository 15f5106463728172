import { utf8 } from '../../bytes.ts'
import type { Converted, Converter } from './converter.ts'

/** Bytes before the newest ones in which the beginning of a character is looked for. */
const LOOK_BACK_BYTES = 1024

/** No byte below this is a part of a longer character, but for ISO-2022-JP. */
const FIRST_PART = 0x21

/** An encoding of East Asia, in which a character takes one byte or more. */
export class MultiByteConverter implements Converter {
  readonly #name: string
  readonly #decoder: InstanceType<typeof TextDecoder>
  /** The last bytes of the input so far. */
  #tail: Uint8Array = new Uint8Array()
  #done = 0

  /** @param name as the standard spells it */
  constructor(name: string) {
    // The same by the standard, and right in every Node.
    this.#name = name === 'gbk' ? 'gb18030' : name
    this.#decoder = this.#fresh()
  }

  convert(bytes: Uint8Array): Converted {
    try {
      const text = this.#decoder.decode(bytes, { stream: true })
      this.#tail = new Uint8Array(Buffer.concat([this.#tail, bytes]).subarray(-LOOK_BACK_BYTES))
      this.#done += bytes.length
      return { utf8: utf8(text), faultAt: undefined }
    } catch {
      return this.#locate(bytes)
    }
  }

  end(): Converted {
    try {
      return { utf8: utf8(this.#decoder.decode()), faultAt: undefined }
    } catch {
      return this.#locate(new Uint8Array())
    }
  }

  #fresh(): InstanceType<typeof TextDecoder> {
    return new TextDecoder(this.#name, { fatal: true, ignoreBOM: true })
  }

  /** Finds the character at fault, in these bytes or at their beginning: a decoder does not tell. */
  #locate(bytes: Uint8Array): Converted {
    // What a byte of ISO-2022-JP means, only all bytes before it tell.
    if (this.#name === 'iso-2022-jp') return { utf8: new Uint8Array(), faultAt: this.#done }
    const tail = this.#tail.subarray(this.#tail.findLastIndex((byte) => byte < FIRST_PART) + 1)
    const all = Buffer.concat([tail, bytes])
    const isText = (length: number, stream: boolean): boolean => {
      try {
        this.#fresh().decode(all.subarray(0, length), { stream })
        return true
      } catch {
        return false
      }
    }
    // The most bytes in which nothing is wrong yet, and of these the ones that are whole characters.
    let [good, bad] = [0, all.length + 1]
    while (bad - good > 1) {
      const middle = (good + bad) >>> 1
      if (isText(middle, true)) good = middle
      else bad = middle
    }
    while (good > 0 && !isText(good, false)) good--
    const decoder = this.#fresh()
    decoder.decode(tail, { stream: true })
    const text = good > tail.length ? decoder.decode(bytes.subarray(0, good - tail.length)) : ''
    return { utf8: utf8(text), faultAt: this.#done - tail.length + good }
  }
}
