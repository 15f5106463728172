/**
 * Turns the addresses of calls and jumps of x86-64 code back into distances. The archives have addresses, which repeat where one
 * function is called from many places, and so take a thirtieth less room. The filter is that of xz and 7-Zip ("BCJ") in its
 * simplest form: every byte E8 or E9 counts, whatever it is. `scripts/pack-addons.mjs` does the reverse.
 */
export function withRelativeCalls(code: Uint8Array): Uint8Array {
  const bytes = Buffer.from(code)
  for (let at = 0; at + 5 <= bytes.length; at++) {
    if ((bytes[at]! & 0xfe) !== 0xe8) continue
    bytes.writeInt32LE((bytes.readInt32LE(at + 1) - at) | 0, at + 1)
    at += 4
  }
  return bytes
}
