import { usageError } from '../../errors.ts'
import { load, scan } from './bulk.ts'
import { classic } from './classic.ts'
import type { Workload } from './workload.ts'
import { ycsb } from './ycsb.ts'

/** The only list of workloads, in the order of the help text. */
export const WORKLOADS: readonly Workload[] = [classic, ...ycsb, load, scan]

/** The workload of a name. Throws `KV_USAGE` for an unknown one. */
export function workloadNamed(name: string): Workload {
  const workload = WORKLOADS.find((known) => known.name === name)
  if (workload === undefined)
    throw usageError(`unknown workload: ${name}`, `one of ${WORKLOADS.map((known) => known.name).join(' ')}`)
  return workload
}
