import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { Command } from 'commander'
import type { Context } from '../cli/context.ts'
import { KvError, unreadable, usageError } from '../errors.ts'
import { readToken } from '../cli/credentials.ts'
import { syncOption } from '../cli/line/shared-options.ts'

interface Flags {
  host: string
  port: number
  tokenFile?: string
  insecure?: boolean
  readOnly?: boolean
  maxBody?: number
  allowHost?: string[]
  cors?: string[]
  cert?: string
  key?: string
  log?: boolean
  cache?: number
  sync: boolean
}

/** What requests under way get after SIGTERM, in milliseconds. */
const GRACE_MS = 5000

/** `kv serve` */
export function serve(ctx: Context): Command {
  const list =
    (parse: (value: string) => string) =>
    (value: string, all: string[] = []): string[] => [...all, parse(value)]
  return new Command('serve')
    .description(
      'Serve the store over HTTP, with interactive documentation under /docs, until SIGTERM or Ctrl-C.\nOther kv commands reach it with --store http://HOST:PORT.',
    )
    .option('--host <address>', 'where to listen; others than this machine need a token', withoutBrackets, '127.0.0.1')
    .option('--port <n>', '0: any free one', parsePort, 8003)
    .option('--token-file <file>', 'what clients must send as Authorization: Bearer (KV_TOKEN_FILE, KV_TOKEN)')
    .option('--insecure', 'listen for others without a token')
    .option('--read-only', 'refuse writes')
    .option('--max-body <size>', 'longest body, such as 64MB', parseSize)
    .option('--allow-host <name>', 'a name under which the server may be called; repeat for more', list(parseName))
    .option('--cors <origin>', 'let web pages of this origin call; repeat for more', list(parseOrigin))
    .option('--cert <file>', 'serve HTTPS with this certificate (PEM)')
    .option('--key <file>', 'and this private key (PEM)')
    .option('--cache <size>', 'memory for entries that were read by key, such as 64MB; only for a file', parseSize)
    .option('--log', 'log requests on stderr as JSON: keys, no values')
    .addOption(syncOption())
    .addHelpText(
      'after',
      '\nExamples:\n  kv serve\n  kv serve --port 0 --json                  print {"url":...} of a free port\n  kv serve --store cache.kv --max-entries 100000   a cache: the oldest written go\n  kv serve --host 0.0.0.0 --token-file token --cert c.pem --key k.pem\n  KV_TOKEN=... kv range --store https://db.example:8003',
    )
    .action(async (flags: Flags) => {
      const { isLoopback } = await import('../server/admission/access.ts')
      const token = readToken(ctx.globals, flags.tokenFile)
      if (!isLoopback(flags.host) && token === undefined && !flags.insecure) {
        throw usageError(
          `everybody who reaches ${flags.host} could read and write the store`,
          'give --token-file FILE, or --insecure if that is wanted',
        )
      }
      ctx.session?.endless()
      const tls = await tlsOf(flags)
      const { buildApp } = await import('../server/app.ts')
      const { listenOn } = await import('../server/listen.ts')
      const store = await ctx.store({ sync: flags.sync, cache: flags.cache })
      // A misspelt name must not go into service. One that is locked for a moment may.
      await store.checkUsable({ write: flags.readOnly !== true }).catch((error: unknown) => {
        if (!(error instanceof KvError && error.code === 'KV_LOCKED')) throw error
      })
      const { stderr } = ctx.io
      // A log that nobody reads must not stop the server.
      const tell = (line: string): unknown => (stderr.offer === undefined ? stderr.write(line) : stderr.offer(line))
      const app = await buildApp(store, {
        token,
        tls,
        host: flags.host,
        allowHosts: flags.allowHost,
        corsOrigins: flags.cors,
        readOnly: flags.readOnly,
        maxBodyBytes: flags.maxBody,
        processMetrics: true,
        onBug(error) {
          const told = error instanceof Error ? error.stack : String(error)
          tell(`kv: a bug in kv, please report it: ${told} (KV_INTERNAL)\n`)
        },
        log: flags.log ? tell : undefined,
      })
      ctx.handleSignals()
      try {
        const { port, missed } = await listenOn(app, flags.host, flags.port).catch((cause: unknown) => {
          throw cannotListen(flags, cause)
        })
        for (const { address, reason } of missed)
          ctx.say(`kv: not listening on ${address}, which ${flags.host} means too: ${reason}`)
        const url = `${tls === undefined ? 'http' : 'https'}://${flags.host.includes(':') ? `[${flags.host}]` : flags.host}:${port}`
        if (ctx.globals.json) ctx.print.record({ url }, url)
        ctx.say(`kv: serving ${store.location} on ${url} (${url}/docs)`)
        if (!ctx.signal.aborted) await once(ctx.signal, 'abort')
      } finally {
        const end = setTimeout(() => app.connections.closeAll(), GRACE_MS)
        await app.close()
        clearTimeout(end)
      }
    })
}

function cannotListen({ host, port }: Flags, cause: unknown): KvError {
  const { code, message, address = host } = cause as NodeJS.ErrnoException & { address?: string }
  const [what, hint] =
    code === 'EADDRINUSE'
      ? [`port ${port} on ${address} is in use`, 'choose another with --port; 0 takes any free one']
      : code === 'EACCES'
        ? [`not allowed to listen on port ${port}`, 'ports below 1024 need rights; choose another with --port']
        : [`cannot listen on ${host}, port ${port}: ${message}`]
  return new KvError('KV_UNAVAILABLE', what!, { cause, hint })
}

async function tlsOf({ cert, key }: Flags): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) throw usageError('--cert and --key go together')
  const pem = { cert: readPem(cert), key: readPem(key) }
  const { createSecureContext } = await import('node:tls')
  try {
    createSecureContext(pem)
  } catch (cause) {
    const { message } = cause as Error
    throw new KvError('KV_USAGE', `${cert} and ${key} are no certificate and its key in PEM: ${message}`, { cause })
  }
  return pem
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw usageError(`not a port: ${text}`, 'a number from 0 to 65535')
  return port
}

/** `[::1]`, as an address with a port has it, is `::1`. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** A name as a `Host` header has it: compared whole, so what is no name would never match. */
function parseName(text: string): string {
  if (/^(?:[^\s/*?#@:[\]]+|\[[\da-f:.]+\])(?::\d+)?$/i.test(text) || isIPv6(text)) return text
  throw usageError(
    `not the name of a host: ${text}`,
    'write it as db.example; each name is given by itself, without * and http://',
  )
}

/** An origin as browsers send it: of a site, or of an extension. */
function parseOrigin(text: string): string {
  if (text === 'null')
    throw usageError(
      'not an origin: null',
      'every page can call itself null; serve the page from an address, and name its origin',
    )
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && !/[*?#@]/.test(text)) {
    if (/^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin
    if (/^[a-z]+-extension:\/\/[^/]+\/?$/.test(text)) return text.replace(/\/$/, '')
  }
  throw usageError(
    `not an origin: ${text}`,
    'write it as https://app.example, without a path; each origin is given by itself, without *',
  )
}

const UNITS: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 }

/** Bytes of a size such as `64MB` or `16MiB`; at most 512 MiB, the longest value. */
function parseSize(text: string): number {
  const [, number = '', unit = ''] = /^(\d+)(?:([kmg]i?)b?|b)?$/i.exec(text) ?? []
  const bytes = Number(number) * (UNITS[unit.toLowerCase()] ?? 1)
  if (number === '' || bytes < 1 || bytes > 2 ** 29)
    throw usageError(`not a size: ${text}`, 'write it as 500kB, 64MB or 16MiB, at most 512MiB')
  return bytes
}
