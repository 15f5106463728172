import type { Io } from '../io.ts'
import type { Session } from './session.ts'

/** STUB */
export async function takeSnapshot(_session: Session, _io: Io, _off: boolean): Promise<void> {}
/** STUB */
export async function printDiff(_session: Session, _io: Io, _prefix: string | undefined): Promise<void> {}
