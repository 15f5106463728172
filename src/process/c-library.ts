/** `bun:ffi`, as far as it is used here. */
interface Ffi {
  dlopen(
    library: string,
    functions: object,
  ): { readonly symbols: Readonly<Record<string, (...args: unknown[]) => number>> }
}

/** The names of the C library: of glibc, of musl, of macOS and of Windows. */
const NAMES = [
  'libc.so.6',
  `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`,
  'libSystem.B.dylib',
  'msvcrt.dll',
]

/** Whether this code runs on Bun, or in a program into which Bun was compiled. */
export const isBun = process.versions['bun'] !== undefined

/** A function of the C library, which Bun can call. Throws what Bun throws where there is none. */
export function cFunction(name: string, args: readonly string[], returns: string): (...args: unknown[]) => number {
  const { dlopen } = process.getBuiltinModule('bun:ffi') as Ffi
  let failure: unknown
  for (const library of NAMES) {
    try {
      return dlopen(library, { [name]: { args, returns } }).symbols[name]!
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
