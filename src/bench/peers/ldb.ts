import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { Program, versionOf } from './program.ts'

const ANY = (): boolean => true

/**
 * RocksDB through its program ldb, kept running as `ldb query`: it knows get, put and delete there,
 * and answers each with one line. Its writes do not wait for the disk, and it has no batch: a
 * batch is so many puts sent at once.
 */
export const ldb: Peer = {
  name: 'ldb',
  async open({ folder, signal }) {
    const version = await versionOf('ldb', ['--version'])
    await versionOf('stdbuf', ['--version'])
    const database = `--db=${join(folder, 'ldb')}`
    // Only a load makes a database; this one is of nothing.
    await new Program('ldb', [database, '--create_if_missing', 'load'], signal).end(undefined)
    const program = new Program('stdbuf', ['-oL', 'ldb', database, 'query'], signal)
    const put = async (key: Buffer, value: Buffer): Promise<void> => {
      expect(await program.ask(`put ${key.toString('latin1')} ${value.toString('latin1')}\n`, ANY), 'Successfully put')
    }
    return {
      name: 'ldb',
      how: 'program, through a pipe; a batch is not atomic',
      durable: false,
      engine: () => version,
      get: async (key) => {
        const [line] = await program.ask(`get ${key.toString('latin1')}\n`, ANY)
        return line!.includes(' ==> ') ? line : undefined
      },
      put,
      putMany: (entries) => Promise.all(entries.map(({ key, value }) => put(key, value))),
      del: async (key) => {
        expect(await program.ask(`delete ${key.toString('latin1')}\n`, ANY), 'Successfully deleted')
      },
      close: () => program.end(undefined),
    }
  },
}

function expect(lines: readonly string[], beginning: string): void {
  if (!lines[0]!.startsWith(beginning)) throw new Error(`ldb answered: ${lines[0]!.slice(0, 80)}`)
}
