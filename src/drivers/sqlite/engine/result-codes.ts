/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html). */
export const SQLITE = {
  ERROR: 1,
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  PROTOCOL: 15,
  TOOBIG: 18,
  CONSTRAINT: 19,
  NOTADB: 26,
} as const

/** The primary SQLite result code of an error thrown by the engine, `undefined` for any other error. */
export function resultCode(error: unknown): number | undefined {
  const { errcode, code, message = '' } = (error ?? {}) as { errcode?: unknown; code?: unknown; message?: string }
  if (typeof errcode === 'number') return errcode & 0xff
  // The addon gives the number from some of its calls only, and SQLite's text for it from all.
  if (code !== 'ERR_SQLITE_ERROR') return undefined
  return TEXTS.find(([text]) => message.includes(text))?.[1] ?? SQLITE.ERROR
}

const TEXTS: readonly (readonly [text: string, code: number])[] = [
  ['database is locked', SQLITE.BUSY],
  ['database table is locked', SQLITE.LOCKED],
  ['locking protocol', SQLITE.PROTOCOL],
  ['attempt to write a readonly database', SQLITE.READONLY],
  ['disk I/O error', SQLITE.IOERR],
  ['database disk image is malformed', SQLITE.CORRUPT],
  ['database or disk is full', SQLITE.FULL],
  ['unable to open database file', SQLITE.CANTOPEN],
  ['string or blob too big', SQLITE.TOOBIG],
  ['constraint failed', SQLITE.CONSTRAINT],
  ['file is not a database', SQLITE.NOTADB],
]

/** For a row of types that the table does not allow, or one that is not there, which only damage makes. */
export function damagedRow(message = 'a row holds what the table does not allow'): Error {
  return Object.assign(new Error(message), { errcode: SQLITE.CORRUPT })
}

/** Whether another connection holds the lock that was asked for, or had it each of the many times the engine tried. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === SQLITE.BUSY || code === SQLITE.LOCKED || code === SQLITE.PROTOCOL
}
