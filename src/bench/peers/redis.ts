import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { Program, versionOf } from './program.ts'
import { RedisConnection } from './redis-connection.ts'

/**
 * A redis-server of the benchmark's own, on a socket in its folder and on no port, with an
 * append-only file that is synced at every write (or, without durability, when the system likes).
 * It keeps no order of keys, so it has no ranges.
 */
export const redis: Peer = {
  name: 'redis-server',
  async open({ folder, durable, signal }) {
    const version = await versionOf('redis-server', ['--version'])
    const socket = join(folder, 'redis.sock')
    const program = Program.server(
      'redis-server',
      [
        '--port',
        '0',
        '--unixsocket',
        socket,
        '--unixsocketperm',
        '700',
        '--dir',
        folder,
        '--appendonly',
        'yes',
        '--appendfsync',
        durable ? 'always' : 'no',
        '--save',
        '',
        '--daemonize',
        'no',
      ],
      signal,
    )
    let connection: RedisConnection
    try {
      await program.ask('', (line) => /ready to accept connections/i.test(line))
      connection = await RedisConnection.open(socket)
    } catch (error) {
      await program.end('SIGTERM')
      throw error
    }
    return {
      name: 'redis-server',
      how: 'server, through a local socket',
      durable,
      engine: () => `Redis ${/v=(\S+)/.exec(version)?.[1] ?? version}`,
      get: (key) => connection.send(['GET', key]),
      put: (key, value) => connection.send(['SET', key, value]),
      putMany: (entries) => connection.send(['MSET', ...entries.flatMap(({ key, value }) => [key, value])]),
      del: (key) => connection.send(['DEL', key]),
      close: async () => {
        connection.close()
        await program.end('SIGTERM')
      },
    }
  },
}
