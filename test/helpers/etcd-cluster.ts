/** Starts real etcd clusters; knows nothing of vitest, so that benchmarks use it too. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './programs.ts'

/** How a cluster is started. */
export interface ClusterOptions {
  /** How many members; 1 by default. */
  readonly members?: number
  /** Arguments of every member besides those that make the cluster, such as `--quota-backend-bytes=16777216`. */
  readonly args?: readonly string[]
  /** Clients need TLS; the members get `--cert-file` and so on by `args`. */
  readonly tls?: boolean
}

/** `KV_TEST_ETCD`, or what PATH has. */
export const ETCD = process.env['KV_TEST_ETCD'] ?? 'etcd'
const ETCDCTL = ETCD.includes('/') ? join(dirname(ETCD), 'etcdctl') : 'etcdctl'

/** Variables of etcd would reconfigure it. */
function environment(): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(([name]) => !/^ETCD(CTL)?_/.test(name))
  const arch = process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch }
  return { ...Object.fromEntries(rest), ...arch }
}

/**
 * Runs etcd, and ends it and removes its folder when this process is gone, however it ended: file descriptor 3 ends then. What
 * comes after `sh` is the folder and the command.
 */
const WATCHED = `folder=$1; shift
"$@" 3<&- & pid=$!; echo $pid
{ read -r _ <&3 || { kill -9 $pid; rm -rf "$folder"; }; } >/dev/null 2>&1 &
exec 1>&-; wait $pid`

/** Longer than the slowest start on a machine with much else to do. */
const START_MS = 60_000

/** One member of a cluster, and its process. */
export class EtcdMember {
  /** `127.0.0.1:PORT`, for clients. */
  readonly endpoint: string
  readonly name: string
  readonly #metrics: string
  readonly #args: readonly string[]
  readonly #folder: string
  readonly #log: string
  #child: ChildProcess | undefined
  #pid: number | undefined
  #hangs = false

  /** @param metricsPort where it tells about itself without TLS and users */
  constructor(name: string, port: number, metricsPort: number, folder: string, args: readonly string[]) {
    this.name = name
    this.endpoint = `127.0.0.1:${port}`
    this.#metrics = `http://127.0.0.1:${metricsPort}`
    this.#folder = folder
    this.#log = join(folder, `${name}.log`)
    this.#args = [
      ...['--name', name, '--data-dir', join(folder, name), '--listen-metrics-urls', this.#metrics],
      ...['--logger=zap', '--log-outputs=stderr', ...args],
    ]
  }

  /** Whether it can answer: its process runs and is not stopped. */
  get isAwake(): boolean {
    return this.isRunning && !this.#hangs
  }

  /** Whether its process runs, be it stopped. */
  get isRunning(): boolean {
    return this.#pid !== undefined
  }

  /** What it wrote to its log. */
  log(): string {
    return readFileSync(this.#log, 'utf8')
  }

  /** Starts its process, again after a kill with the same data; does not wait until it answers. */
  async start(): Promise<void> {
    const log = openSync(this.#log, 'a')
    const child = spawn('sh', ['-c', WATCHED, 'sh', this.#folder, ETCD, ...this.#args], {
      env: environment(),
      stdio: ['ignore', 'pipe', log, 'pipe'],
      // Ctrl-C at a terminal is for the tests, which end it.
      detached: true,
    })
    closeSync(log)
    child.unref()
    const watched = child.stdio[3] as Socket
    watched.unref()
    watched.on('error', () => {})
    child.on('exit', () => {
      if (this.#child === child) this.#pid = undefined
      watched.end('over\n')
    })
    this.#child = child
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    this.#pid = Number(line.toString())
    child.stdout!.destroy()
  }

  /** Sends its process a signal: SIGKILL, SIGTERM, SIGSTOP for one that hangs, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    if (this.#pid === undefined) throw new Error(`${this.name} does not run`)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') this.#hangs = signal === 'SIGSTOP'
    process.kill(this.#pid, signal)
  }

  /** Ends its process at once and waits until it is gone; its data stay. */
  async kill(): Promise<void> {
    if (this.#pid === undefined) return
    const child = this.#child!
    this.#hangs = false
    // Waits for it also where nothing else does.
    child.ref()
    const gone = once(child, 'exit')
    this.signal('SIGKILL')
    await gone
  }

  /** Starts it again and waits until it answers. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
    await this.ready()
  }

  /** Waits until it serves and knows a leader. */
  async ready(): Promise<void> {
    const end = Date.now() + START_MS
    for (;;) {
      if (!this.isRunning) throw new Error(`etcd ended: ${this.log().split('\n').slice(-4).join('\n')}`)
      if ((await this.#about('/health'))?.includes('"true"') === true) return
      if (Date.now() > end) throw new Error(`etcd did not start: ${this.log().split('\n').slice(-4).join('\n')}`)
      await delay(20)
    }
  }

  /** Whether it says that it leads. */
  async isLeader(): Promise<boolean> {
    return (await this.#about('/metrics'))?.includes('\netcd_server_is_leader 1\n') === true
  }

  /** How many calls it has served. */
  async calls(): Promise<number> {
    const text = (await this.#about('/metrics')) ?? ''
    const counts = text.matchAll(/^grpc_server_started_total\{.*grpc_service="etcdserverpb\.KV".*\} (\S+)$/gm)
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  async #about(path: string): Promise<string | undefined> {
    try {
      const answer = await fetch(this.#metrics + path, { signal: AbortSignal.timeout(1000) })
      return await answer.text()
    } catch {
      return undefined
    }
  }
}

/** Members that hold the same data, in a folder of their own. */
export class EtcdCluster {
  readonly members: readonly EtcdMember[]
  readonly #folder: string
  readonly #tls: boolean

  private constructor(members: readonly EtcdMember[], folder: string, tls: boolean) {
    this.members = members
    this.#folder = folder
    this.#tls = tls
  }

  /** Starts one and waits until every member serves. End it with {@link stop}. */
  static async start(options: ClusterOptions = {}): Promise<EtcdCluster> {
    for (let left = 3; ; left--) {
      const cluster = await EtcdCluster.#make(options)
      try {
        await Promise.all(cluster.members.map((member) => member.start()))
        await Promise.all(cluster.members.map((member) => member.ready()))
        return cluster
      } catch (error) {
        // Somebody else took a port in the meantime.
        const again = left > 0 && cluster.members.some((member) => member.log().includes('address already in use'))
        await cluster.stop()
        if (!again) throw error
      }
    }
  }

  static async #make({ members = 1, args = [], tls = false }: ClusterOptions): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'kv-etcd-'))
    const ports = await Promise.all(Array.from({ length: members * 3 }, freePort))
    const scheme = tls ? 'https' : 'http'
    const places = Array.from({ length: members }, (_, n) => ({
      name: `m${n + 1}`,
      client: ports[n * 3]!,
      peer: ports[n * 3 + 1]!,
      metrics: ports[n * 3 + 2]!,
    }))
    const all = places.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(',')
    return new EtcdCluster(
      places.map(({ name, client, peer, metrics }) => {
        const [clientUrl, peerUrl] = [`${scheme}://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`]
        return new EtcdMember(name, client, metrics, folder, [
          ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
          ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', all],
          ...args,
        ])
      }),
      folder,
      tls,
    )
  }

  /** `HOST:PORT` of each member. */
  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint)
  }

  /** The location of the store with a prefix, and what stands after a question mark. */
  location(prefix = '', parameters = ''): string {
    return `etcd://${this.endpoints.join(',')}/${prefix}${parameters && `?${parameters}`}`
  }

  /** A location that no other test uses. */
  place(parameters = ''): string {
    return this.location(`t${Math.random().toString(36).slice(2)}`, parameters)
  }

  /** The member that leads; waits until there is one. Those that hang are not asked. */
  async leader(among: readonly EtcdMember[] = this.members): Promise<EtcdMember> {
    for (;;) {
      const says = await Promise.all(among.map((member) => member.isRunning && member.isLeader()))
      const at = says.indexOf(true)
      if (at >= 0) return among[at]!
      await delay(20)
    }
  }

  /** The members that only follow. */
  async followers(): Promise<EtcdMember[]> {
    const leader = await this.leader()
    return this.members.filter((member) => member !== leader)
  }

  /** Runs etcdctl on the members that can answer; its standard output. Rejects when it fails. */
  async ctl(...args: readonly string[]): Promise<string> {
    const scheme = this.#tls ? 'https' : 'http'
    const awake = this.members.filter((member) => member.isAwake)
    const endpoints = awake.map(({ endpoint }) => `${scheme}://${endpoint}`).join(',')
    const env = { ...environment(), ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoints }
    const { stdout } = await promisify(execFile)(ETCDCTL, args, { env, maxBuffer: 2 ** 28 })
    return stdout
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
