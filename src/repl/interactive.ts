import type { Context } from '../context.ts'
/** STUB */
export async function runInteractive(_ctx: Context): Promise<number> { return 0 }
