import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { Program, versionOf } from './program.ts'

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
    await new Program('ldb', [database, '--create_if_missing', 'load'], signal).end()
    const program = new Program('stdbuf', ['-oL', 'ldb', database, 'query'], signal)
    const tell = async (line: string, answer: string): Promise<void> => {
      const [said] = await program.ask(`${line}\n`)
      if (!said!.startsWith(answer)) throw new Error(`ldb answered: ${said!.slice(0, 80)}`)
    }
    const put = (key: Buffer, value: Buffer): Promise<void> => tell(`put ${key} ${value}`, 'Successfully put')
    return {
      how: 'program, through a pipe; a batch is not atomic',
      durable: false,
      engine: () => version,
      get: async (key) => {
        const [line] = await program.ask(`get ${key}\n`)
        return line!.includes(' ==> ') ? line : undefined
      },
      put,
      putMany: (entries) => Promise.all(entries.map(({ key, value }) => put(key, value))),
      del: (key) => tell(`delete ${key}`, 'Successfully deleted'),
      close: () => program.end(),
    }
  },
}
