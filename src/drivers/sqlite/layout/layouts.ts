import { CLUSTERED } from './clustered.ts'
import type { Layout } from './layout.ts'
import { ROWS } from './rows.ts'

/** The layout of new stores, but of those with a bound, which need row ids. */
export const LAYOUT_OF_NEW: Layout = CLUSTERED

/** The layout that a format version stands for. */
export function layoutOf(version: number): Layout {
  return version === CLUSTERED.format ? CLUSTERED : ROWS
}
