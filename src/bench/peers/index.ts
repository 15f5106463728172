import { turn } from '../../async.ts'
import type { Target } from '../targets/target.ts'
import { betterSqlite3 } from './better-sqlite3.ts'
import { classicLevel } from './classic-level.ts'
import { ldb } from './ldb.ts'
import { lmdb } from './lmdb.ts'
import { type Absence, type Peer, type PeerOptions, absence } from './peer.ts'
import { redis } from './redis.ts'
import { sqlite3 } from './sqlite3.ts'

/** The only list of peers, in the order of the report. */
const PEERS: readonly Peer[] = [classicLevel, lmdb, betterSqlite3, redis, sqlite3, ldb]

/** Opens every peer that is on this machine, onto `targets`; the others are named in `absent`. */
export async function openPeers(options: PeerOptions, targets: Target[], absent: Absence[]): Promise<void> {
  for (const { name, open } of PEERS) {
    options.signal.throwIfAborted()
    try {
      targets.push({ name, ...(await open(options)) })
    } catch (error) {
      // As in the suite: the signal may have ended the peer before it is heard here.
      await turn()
      options.signal.throwIfAborted()
      absent.push(absence(name, error))
    }
  }
}
