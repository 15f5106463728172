import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { PROGRAM_PATH, hasProgram } from '../helpers/programs.ts'

/** Programs that tests hold kv against, and their packages in Debian. */
const PACKAGES = { python3: 'python3', jq: 'jq', mlr: 'miller', sqlite3: 'sqlite3' } as const
export type Program = keyof typeof PACKAGES
/** Which of them are here. */
export const IS_HERE = Object.fromEntries(
  Object.entries(PACKAGES).map(([program, debian]) => [program, hasProgram(program, debian)]),
) as Record<Program, boolean>

/** Parts of texts that programs have got wrong. */
const HARD = [
  ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)),
  ...['\r\n', '\r\r\n', '"', '""', "'", ',', ';', '|', '\\', '\\t', '\\n', '\\\\', ' ', '  ', '#', '=', '{', '}', ':'],
  ...['\u007f', '\u0080', '\u0085', '\u00a0', 'é', 'e\u0301', '\u2028', '\u2029', '\ufeff', '\ufffd', '\uffff'],
  ...['\u{1f600}', '\u{10ffff}', 'a', 'Z', '0', '-1', '1e5', 'null', 'true', '\\u0041', '\\x41', '&amp;', '%41'],
]

/** Texts, many of them hard to write down. */
export const hardText = fc.oneof(
  fc.array(fc.constantFrom(...HARD), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }).map((string) => string.toWellFormed()),
)

/** What a program writes, given this on its standard input. */
export function run(program: Program, args: readonly string[], input: string | Uint8Array): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    env: { PATH: PROGRAM_PATH, LC_ALL: 'C.UTF-8', PYTHONIOENCODING: 'utf-8' },
    maxBuffer: 2 ** 28,
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${String(stderr)}`)
  return stdout
}
