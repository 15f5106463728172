import { turn } from '../../async.ts'
import type { Target } from '../targets/target.ts'
import { betterSqlite3 } from './better-sqlite3.ts'
import { classicLevel } from './classic-level.ts'
import { ldb } from './ldb.ts'
import { lmdb } from './lmdb.ts'
import { Absent, type Peer, type PeerOptions } from './peer.ts'
import { redis } from './redis.ts'
import { sqlite3 } from './sqlite3.ts'

/** The only list of peers, in the order of the report. */
const PEERS: readonly Peer[] = [classicLevel, lmdb, betterSqlite3, redis, sqlite3, ldb]

/** Opens every peer there is, onto `targets`; the others are named in `absent`. */
export async function openPeers(
  options: PeerOptions,
  targets: Target[],
  absent: { name: string; reason: string }[],
): Promise<void> {
  const { signal } = options
  for (const peer of PEERS) {
    signal.throwIfAborted()
    try {
      targets.push(await peer.open(options))
    } catch (error) {
      // As in the suite: the signal may have ended the peer before it is heard here.
      await turn()
      signal.throwIfAborted()
      const message = error instanceof Error ? error.message : String(error)
      absent.push({ name: peer.name, reason: error instanceof Absent ? message : `failed: ${message}` })
    }
  }
}
