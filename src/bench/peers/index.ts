import type { Target } from '../target.ts'

/** Where and how a peer keeps its data. */
export interface PeerOptions {
  /** An empty folder of the benchmark's own; each peer makes its own below it. */
  readonly folder: string
  /** Whether a write waits for the disk, where the peer can. */
  readonly durable: boolean
}

/** Something users might pick instead. */
export interface Peer {
  readonly name: string
  /** Opens it. Throws {@link Absent} when it is not on this machine. */
  open(options: PeerOptions): Promise<Target>
}

/** A peer that is not on this machine. */
export class Absent extends Error {}

/** Opens every peer there is, onto `targets`; the others are named in `absent`. */
export async function openPeers(options: PeerOptions, targets: Target[], absent: { name: string; reason: string }[], signal: AbortSignal): Promise<void> {
  for (const peer of PEERS) {
    signal.throwIfAborted()
    try {
      targets.push(await peer.open(options))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      absent.push({ name: peer.name, reason: error instanceof Absent ? message : `failed: ${message}` })
    }
  }
}

/** The only list of peers. */
const PEERS: readonly Peer[] = []
