import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kvProcess } from './kv.ts'
import { tempDir } from './temp-dir.ts'

/** Whether the system tells how much memory a process had at its highest. */
export const measuresMemory = existsSync('/proc/self/status')

/** A run of kv, and its memory at its highest, in bytes. */
export async function memoryOf(
  args: readonly string[],
  options: Parameters<typeof kvProcess>[1],
): Promise<Awaited<ReturnType<typeof kvProcess>> & { readonly bytes: number }> {
  const folder = tempDir()
  const [script, result] = [join(folder, 'memory.cjs'), join(folder, 'memory')]
  writeFileSync(
    script,
    `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(result)}, /VmHWM:\\s*(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]))`,
  )
  const run = await kvProcess(args, {
    ...options,
    env: { NODE_OPTIONS: `--require ${script}`, BUN_OPTIONS: `--preload ${script}` },
  })
  return { ...run, bytes: Number(readFileSync(result, 'utf8')) * 1024 }
}
