/** The bytes of a text (UTF-8). */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}

/** Bytes from hex digits. */
export function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'hex'))
}

/**
 * The hex digits of bytes. Texts of hex digits compare like the bytes they stand for, so tests can
 * speak of order without the code under test.
 */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The text of UTF-8 bytes. */
export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

/** `length` bytes that look random and are the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  const next = random(seed)
  for (let i = 0; i < length; i++) bytes[i] = next() * 256
  return bytes
}

/** A random number generator in [0, 1) that repeats itself for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
