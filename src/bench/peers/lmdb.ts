import { join } from 'node:path'
import { userPackage } from './packages.ts'
import type { Peer } from './peer.ts'

interface Database {
  get(key: Buffer): Buffer | undefined
  put(key: Buffer, value: Buffer): Promise<boolean>
  remove(key: Buffer): Promise<boolean>
  batch(step: () => void): Promise<unknown>
  getRange(options: object): Iterable<unknown>
  getKeys(options: object): Iterable<unknown>
  getKeysCount(): number
  close(): Promise<void>
}

/** LMDB through the npm package lmdb, with commits that end when the data is on disk. */
export const lmdb: Peer = {
  name: 'lmdb',
  async open({ folder, durable }) {
    const { module, version } = userPackage<{ open(options: object): Database }>('lmdb')
    const database = module.open({
      path: join(folder, 'lmdb'),
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      noSync: !durable,
    })
    return {
      how: 'in this process',
      durable,
      engine: () => `lmdb ${version}`,
      get: (key) => database.get(key),
      put: (key, value) => database.put(key, value),
      putMany: (entries) =>
        database.batch(() => {
          for (const { key, value } of entries) void database.put(key, value)
        }),
      del: (key) => database.remove(key),
      range: (start, limit) => size(database.getRange({ start, limit })),
      scan: (_prefix, { reverse, keysOnly }) =>
        size(keysOnly ? database.getKeys({ reverse }) : database.getRange({ reverse })),
      count: () => database.getKeysCount(),
      close: () => database.close(),
    }
  },
}

function size(items: Iterable<unknown>): number {
  let count = 0
  for (const _ of items) count++
  return count
}
