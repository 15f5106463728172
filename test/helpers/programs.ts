import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, resolve } from 'node:path'

/** Where programs are looked for. Debian keeps those for the system apart. */
export const PROGRAM_PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter)

/**
 * Whether a program is installed. Where it is not, the tests with it are skipped and say so; in CI they fail, except
 * for one that has no Debian package.
 */
export function hasProgram(name: string, debianPackage: string | null = name): boolean {
  const found = PROGRAM_PATH.split(delimiter).some((folder) => isExecutable(resolve(folder, name)))
  if (found) return true
  if (debianPackage === null) {
    console.warn(`not tested with ${name}: it is not here`)
    return false
  }
  const hint = `apt-get install ${debianPackage}`
  if (process.env['CI']) throw new Error(`tests need ${name}: ${hint}`)
  console.warn(`not tested with ${name}: it is not here (${hint})`)
  return false
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
