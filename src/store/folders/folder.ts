import { asBuffer, compareBytes } from '../../bytes.ts'

/** Where the folder of a key ends, after the first delimiter from `from` on; `undefined`: it lies in none. */
export function folderEnd(key: Uint8Array, from: number, delimiters: readonly Uint8Array[]): number | undefined {
  let end: number | undefined
  for (const delimiter of delimiters) {
    const at = asBuffer(key).indexOf(delimiter, from)
    if (at >= 0 && (end === undefined || at + delimiter.length < end)) end = at + delimiter.length
  }
  return end
}

/** Whether a key begins with these bytes. */
export function startsWith(key: Uint8Array, start: Uint8Array): boolean {
  return key.length >= start.length && compareBytes(key.subarray(0, start.length), start) === 0
}
