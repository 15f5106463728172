import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { PROGRAM_PATH as PATH, freePort, hasProgram } from './programs.ts'
import { tempDir } from './temp-dir.ts'

/** Whether a proxy is installed; without it the tests of it are skipped loudly, and fail in CI. */
export function hasProxy(name: 'nginx' | 'haproxy'): boolean {
  return hasProgram(name, name === 'nginx' ? 'nginx-light' : name)
}

/** nginx as it comes, with a server block of these lines; the address it is reached under. */
export async function nginx(server: string): Promise<string> {
  const folder = tempDir()
  const port = await freePort()
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((what) => `${what}_temp_path ${folder}/${what};`)
    .join(' ')
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; pid ${folder}/pid; error_log stderr crit; events {} http { access_log off; ${paths} server { listen 127.0.0.1:${port}; ${server} } }`,
  )
  run('nginx', ['-p', folder, '-e', 'stderr', '-c', config])
  await vi.waitFor(
    async () =>
      once(
        connect(port, '127.0.0.1').on('connect', function close(this: { destroy(): void }) {
          this.destroy()
        }),
        'connect',
      ),
    { timeout: 10_000 },
  )
  return `http://127.0.0.1:${port}`
}

/** How HAProxy finds a server by the lines of its backend that say how to check it, such as `L7OK`. */
export async function haproxyCheck(backend: string, port: number): Promise<string> {
  const folder = tempDir()
  const socket = join(folder, 'stats')
  const config = join(folder, 'haproxy.cfg')
  writeFileSync(
    config,
    `global\n  stats socket ${socket}\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nfrontend f\n  bind unix@${folder}/front\n  default_backend b\nbackend b\n  ${backend}\n  server s1 127.0.0.1:${port} check inter 100ms\n`,
  )
  run('haproxy', ['-db', '-f', config])
  return vi.waitFor(
    async () => {
      const asked = connect(socket)
      asked.end('show stat\n')
      let text = ''
      for await (const chunk of asked) text += String(chunk)
      const [names, ...rows] = text.split('\n').map((line) => line.split(','))
      const status =
        rows.find(([proxy, name]) => proxy === 'b' && name === 's1')?.[names!.indexOf('check_status')] ?? ''
      if (!status.startsWith('L')) throw new Error(`not checked yet: ${status}`)
      return status
    },
    { timeout: 10_000 },
  )
}

function run(name: string, args: readonly string[]): void {
  const child = spawn(name, args, { env: { PATH }, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGTERM'))
}
