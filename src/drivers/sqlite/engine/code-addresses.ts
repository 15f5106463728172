/**
 * Turns addresses in machine code back into distances. The archives have addresses, which repeat where one function is called
 * or one constant is read from many places, and so take a fifteenth less room. The filters are those of xz and 7-Zip ("BCJ")
 * in their simplest form: what looks like such an instruction counts as one, code or not. `scripts/pack-addons.mjs` does the
 * reverse, with the same look at each instruction, of which neither changes what is looked at.
 */
export function withDistances(code: Uint8Array, architecture: 'x64' | 'arm64'): Uint8Array {
  const bytes = Buffer.from(code)
  if (architecture === 'x64') x64(bytes)
  else arm64(bytes)
  return bytes
}

/** Calls and jumps (E8, E9), and what reads near the instruction: REX.W, one of five operations, and a ModRM of RIP and 32 bits. */
function x64(bytes: Buffer): void {
  for (let at = 0; at + 7 <= bytes.length; at++) {
    const isJump = (bytes[at]! & 0xfe) === 0xe8
    const isNear =
      (bytes[at]! & 0xf8) === 0x48 &&
      [0x3b, 0x63, 0x89, 0x8b, 0x8d].includes(bytes[at + 1]!) &&
      (bytes[at + 2]! & 0xc7) === 0x05
    if (!isJump && !isNear) continue
    const operand = at + (isJump ? 1 : 3)
    bytes.writeInt32LE((bytes.readInt32LE(operand) - at) | 0, operand)
    at = operand + 3
  }
}

/** BL, in instructions of 4 bytes, and ADRP, in pages of 4096 whose number lies in two parts. */
function arm64(bytes: Buffer): void {
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const word = bytes.readUInt32LE(at)
    if (word >>> 26 === 0x25) bytes.writeUInt32LE((0x94000000 | ((word - at / 4) & 0x3ffffff)) >>> 0, at)
    else if ((word & 0x9f000000) >>> 0 === 0x90000000) {
      const page = ((((word >>> 5) & 0x7ffff) << 2) | ((word >>> 29) & 3)) - (at >>> 12)
      bytes.writeUInt32LE(((word & 0x9f00001f) | ((page & 3) << 29) | (((page >>> 2) & 0x7ffff) << 5)) >>> 0, at)
    }
  }
}
