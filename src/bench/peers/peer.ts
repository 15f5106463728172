import type { Target } from '../targets/target.ts'

/** Where and how a peer keeps its data. */
export interface PeerOptions {
  /** A folder of the benchmark's own; a peer makes files below it under its own name. */
  readonly folder: string
  /** Whether a write waits for the disk, where the peer can. */
  readonly durable: boolean
  /** Interrupts the run: a program that does not answer is given up a little later. */
  readonly signal: AbortSignal
}

/** Something users might pick instead. */
export interface Peer {
  readonly name: string
  /** Opens it. Throws {@link Absent} when it is not on this machine. */
  open(options: PeerOptions): Promise<Omit<Target, 'name'>>
}

/** A peer that is not on this machine. */
export class Absent extends Error {}

/** A peer that is not measured, and why. */
export interface Absence {
  readonly name: string
  readonly reason: string
}

/** Why a peer is not measured, from what it threw. */
export function absence(name: string, error: unknown): Absence {
  const message = error instanceof Error ? error.message : String(error)
  return { name, reason: error instanceof Absent ? message : `failed: ${message}` }
}
