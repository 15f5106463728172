import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KvError, reasonOf } from '../../errors.ts'
import type { KeyReader } from '../../terminal/key-reader.ts'
import { type TypedText, decodeTyped, refusal } from '../../terminal/typed-text.ts'

/**
 * Lets the user change a text in `$VISUAL`, `$EDITOR` or `vi`; an editor that fails leaves it as it is. Throws
 * `KV_USAGE` for a text that is not UTF-8, `KV_DISK_FULL` and `KV_UNAVAILABLE` for a failing temporary file.
 */
export function editText(keys: KeyReader, env: Readonly<Record<string, string | undefined>>, text: TypedText): string {
  const wrong = refusal(text)
  if (wrong !== undefined) throw wrong
  let folder: string | undefined
  keys.release({ heedsInterrupt: false })
  try {
    folder = attempt('hand the line to an editor', () => mkdtempSync(join(tmpdir(), 'kv-')))
    const file = join(folder, 'line')
    attempt('hand the line to an editor', () => writeFileSync(file, text, { mode: 0o600 }))
    const command = `${env['VISUAL'] || env['EDITOR'] || 'vi'} "$1"`
    const { status } = spawnSync('/bin/sh', ['-c', command, 'sh', file], {
      stdio: 'inherit',
      env: env as NodeJS.ProcessEnv,
    })
    if (status !== 0) return text
    const edited = decodeTyped(attempt('read the line back from the editor', () => readFileSync(file))).replace(
      /\n$/,
      '',
    )
    const refused = refusal(edited, 'text')
    if (refused !== undefined) throw refused
    return edited
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    keys.reclaim()
  }
}

function attempt<T>(what: string, step: () => T): T {
  try {
    return step()
  } catch (cause) {
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC'
    const hint = full ? undefined : 'TMPDIR names the folder for temporary files'
    throw new KvError(full ? 'KV_DISK_FULL' : 'KV_UNAVAILABLE', `cannot ${what}: ${reasonOf(cause)}`, { cause, hint })
  }
}
