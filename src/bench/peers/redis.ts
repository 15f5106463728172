import { join } from 'node:path'
import type { Peer } from './peer.ts'
import { Program, versionOf } from './program.ts'
import { RedisConnection } from './redis-connection.ts'

/**
 * Starts an empty redis-server on a socket in a folder and on no port, with an append-only file.
 *
 * @param fsync when that file is synced, as Redis names it
 */
export async function startRedis(
  folder: string,
  fsync: 'always' | 'everysec' | 'no',
  signal: AbortSignal,
): Promise<{ program: Program; socket: string }> {
  const socket = join(folder, 'redis.sock')
  const reached = ['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--daemonize', 'no']
  const kept = ['--dir', folder, '--appendonly', 'yes', '--appendfsync', fsync, '--save', '']
  const program = Program.server('redis-server', [...reached, ...kept], signal)
  try {
    await program.ask('', (line) => /ready to accept connections/i.test(line))
  } catch (error) {
    await program.end('SIGTERM')
    throw error
  }
  return { program, socket }
}

/**
 * A redis-server of the benchmark's own, its file synced at every write (or, without durability, when the system
 * likes). It keeps no order of keys, so it has no ranges.
 */
export const redis: Peer = {
  name: 'redis-server',
  async open({ folder, durable, signal }) {
    const version = await versionOf('redis-server', ['--version'])
    const { program, socket } = await startRedis(folder, durable ? 'always' : 'no', signal)
    const connection = await RedisConnection.open(socket).catch(async (error: unknown) => {
      await program.end('SIGTERM')
      throw error
    })
    return {
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
