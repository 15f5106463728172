import { Command } from 'commander'
import type { Context } from '../context.ts'
/** x */
export function batchPut(_ctx: Context): Command { return new Command('batch-put') }
