import { KvError, usageError } from '../../errors.ts'
import type { Converted, Converter } from './converter.ts'
import { MultiByteConverter } from './multi-byte.ts'
import { SingleByteConverter } from './single-byte.ts'
import { Utf16Converter } from './utf16.ts'

/** An encoding of text other than UTF-8. */
export interface Encoding {
  /** As the Encoding Standard spells it: `windows-1252`, also for `latin1`. */
  readonly name: string
  converter(): Converter
}

const MULTI_BYTE: readonly string[] = 'gbk gb18030 big5 euc-jp iso-2022-jp shift_jis euc-kr'.split(' ')

/**
 * The encoding with this label of the Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels);
 * `undefined` for UTF-8. Throws `KV_USAGE` for a label that is none.
 */
export function encodingOf(label: string): Encoding | undefined {
  const name = nameOf(label)
  if (name === 'utf-8') return undefined
  if (name.startsWith('utf-16')) return { name, converter: () => new Utf16Converter(name === 'utf-16be') }
  return {
    name,
    converter: () => (MULTI_BYTE.includes(name) ? new MultiByteConverter(name) : new SingleByteConverter(name)),
  }
}

function nameOf(label: string): string {
  const wanted = label.trim().toLowerCase()
  if (wanted === 'iso-8859-16') return wanted
  try {
    return new TextDecoder(wanted.replace(/^utf_?16/, 'utf-16')).encoding
  } catch {
    throw usageError(
      `unknown encoding ${JSON.stringify(label)}`,
      'names of the WHATWG standard, such as latin1 utf-16 utf-16be windows-1250 iso-8859-15 koi8-r macintosh shift_jis gb18030 big5 euc-kr',
    )
  }
}

/**
 * The chunks of an input as UTF-8. Throws `KV_INVALID_INPUT` with its name where it is not in this encoding, after
 * everything before that was yielded.
 */
export async function* toUtf8(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  name: string,
): AsyncGenerator<Uint8Array, void, void> {
  const converter = encoding.converter()
  const check = ({ faultAt }: Converted): void => {
    if (faultAt !== undefined)
      throw new KvError('KV_INVALID_INPUT', `${name}: not ${spelled(encoding.name)} at byte ${faultAt + 1}`)
  }
  for await (const chunk of chunks) {
    const converted = converter.convert(chunk)
    if (converted.utf8.length > 0) yield converted.utf8
    check(converted)
  }
  const rest = converter.end()
  if (rest.utf8.length > 0) yield rest.utf8
  check(rest)
}

/** The name of an encoding in a message; of UTF-16 without the byte order, which its mark may say otherwise. */
function spelled(name: string): string {
  return name.startsWith('utf-16') ? 'UTF-16' : name
}
