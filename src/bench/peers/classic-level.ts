import { join } from 'node:path'
import { userPackage } from './packages.ts'
import type { Peer } from './peer.ts'

interface Level {
  open(): Promise<void>
  get(key: Buffer): Promise<Buffer | undefined>
  put(key: Buffer, value: Buffer, options: { sync: boolean }): Promise<void>
  del(key: Buffer, options: { sync: boolean }): Promise<void>
  batch(ops: object[], options: { sync: boolean }): Promise<void>
  iterator(options: object): { all(): Promise<unknown[]> }
  keys(options: object): { all(): Promise<unknown[]> }
  close(): Promise<void>
}

/** LevelDB through the npm package classic-level. */
export const classicLevel: Peer = {
  name: 'classic-level',
  async open({ folder, durable }) {
    const { module, version } = userPackage<{ ClassicLevel: new (path: string, options: object) => Level }>(
      'classic-level',
    )
    const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' }
    const level = new module.ClassicLevel(join(folder, 'classic-level'), encodings)
    await level.open()
    const sync = { sync: durable }
    const notFound = (error: unknown): undefined => {
      // Before version 2, a missing key is an error.
      if ((error as { code?: string }).code !== 'LEVEL_NOT_FOUND') throw error
    }
    return {
      how: 'in this process',
      durable,
      engine: () => `classic-level ${version}`,
      get: (key) => level.get(key).catch(notFound),
      put: (key, value) => level.put(key, value, sync),
      putMany(entries) {
        const ops = entries.map(({ key, value }) => ({ type: 'put', key, value }))
        return level.batch(ops, sync)
      },
      del: (key) => level.del(key, sync),
      range: async (start, limit) => (await level.iterator({ gte: start, limit }).all()).length,
      scan: async (_prefix, { reverse, keysOnly }) =>
        (await (keysOnly ? level.keys({ reverse }) : level.iterator({ reverse })).all()).length,
      close: () => level.close(),
    }
  },
}
