import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { RECIPES } from '../../src/cli/topics/recipes.ts'
import { type Given, KV, contents, ended, environment, givenStore } from '../helpers/kv.ts'
import { PROGRAM_PATH, freePort, hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** Where a recipe runs: a folder of its own with a store, and programs before all others. */
interface Place {
  readonly folder: string
  readonly store: string
  /** Makes a program of these lines of `sh`. */
  program(name: string, script: string): void
  /** Runs a script of `bash` and gives what it wrote; fails when it ends with another code than 0, or complains. */
  bash(script: string): Promise<string>
}

interface Recipe {
  /** Programs, each with its package in Debian. */
  readonly needs: Readonly<Record<string, string | null>>
  readonly store?: readonly Given[]
  /** Starts servers and writes files. */
  readonly before?: (place: Place) => unknown
  /** What the store holds afterwards. */
  readonly leaves?: readonly (readonly [key: string, value: string])[]
  /** Looks at what the recipe wrote and did. */
  readonly check?: (place: Place, output: string) => unknown
}

const HARD: readonly (readonly [string, string])[] = [
  ["a/b 'c' $d", ''],
  ['user:1', 'Ada "é"\t\\ \u{1f600}\r\n\u0001'],
]

const PEOPLE = 'id,name\n7,Ada\n12,"Bo, B."\n'
const USERS: readonly (readonly [string, string])[] = [
  ['user:00000007', '{"id":7,"name":"Ada"}'],
  ['user:00000012', '{"id":12,"name":"Bo, B."}'],
]

const TESTS: Readonly<Record<string, Recipe>> = {
  'Redis to kv: the strings, with the time each has left': {
    needs: { 'redis-server': 'redis-server', 'redis-cli': 'redis-tools', xargs: 'findutils' },
    before: async (place) => {
      await redis(place)
      await place.bash(
        HARD.map(([key, value]) => `redis-cli SET ${quoted(key)} ${quoted(value)} > /dev/null`).join('\n'),
      )
      await place.bash('redis-cli RPUSH list x; redis-cli SET short v EX 1000')
    },
    leaves: [HARD[0]!, ['short', 'v'], HARD[1]!],
    check: async ({ bash }) => expect(await bash('kv ttl short')).toMatch(/^(\d+(\.\d+)?s?|1[56]m.*)\n$/),
  },
  'kv to Redis': {
    needs: { 'redis-server': 'redis-server', 'redis-cli': 'redis-tools', jq: 'jq' },
    store: [...HARD, ['short', 'v', { ttl: 1_000_000 }]],
    before: redis,
    check: async ({ bash }, output) => {
      expect(output).toContain('errors: 0, replies: 3')
      expect(Number(await bash('redis-cli TTL short'))).toBeGreaterThan(900)
      for (const [key, value] of HARD) expect(await bash(`redis-cli --raw GET ${quoted(key)}`)).toBe(`${value}\n`)
    },
  },
  'etcd to kv': {
    needs: { etcd: 'etcd-server', etcdctl: 'etcd-client', jq: 'jq' },
    before: async (place) => {
      await etcd(place)
      await place.bash(HARD.map(([key, value]) => `etcdctl put -- ${quoted(key)} ${quoted(value)}`).join('\n'))
    },
    leaves: HARD,
  },
  'kv to etcd': {
    needs: { etcd: 'etcd-server', etcdctl: 'etcd-client', jq: 'jq' },
    store: HARD,
    before: etcd,
    check: async ({ bash }) => {
      for (const [key, value] of HARD)
        expect(await bash(`etcdctl get --print-value-only -- ${quoted(key)}`)).toBe(`${value}\n`)
    },
  },
  // Consul has no package: what it prints and takes is from its manual.
  'Consul to kv': {
    needs: { jq: 'jq' },
    before: ({ program }) =>
      program('consul', `[ "$*" = "kv export" ] || exit 2; cat << 'END'\n${JSON.stringify(CONSUL, null, '\t')}\nEND`),
    leaves: HARD,
  },
  'kv to Consul': {
    needs: { jq: 'jq' },
    store: HARD,
    before: ({ program }) => program('consul', '[ "$*" = "kv import -" ] || exit 2; cat > imported'),
    check: ({ folder }) => expect(JSON.parse(readFileSync(join(folder, 'imported'), 'utf8'))).toEqual(CONSUL),
  },
  'LMDB to kv': {
    needs: { mdb_dump: 'lmdb-utils', mdb_load: 'lmdb-utils' },
    before: async (place) => {
      mkdirSync(join(place.folder, 'lmdb'))
      await place.bash(`mdb_load lmdb << 'END'\n${LMDB}END\n`)
    },
    leaves: HARD,
  },
  'kv to LMDB': {
    needs: { mdb_dump: 'lmdb-utils', mdb_load: 'lmdb-utils' },
    store: HARD,
    before: ({ folder }) => mkdirSync(join(folder, 'lmdb')),
    check: async ({ bash }) =>
      expect(await bash("mdb_dump lmdb | grep '^ '")).toBe(LMDB.replace(/.*HEADER=END\n|DATA.*/gs, '')),
  },
  'SQLite to kv: each row as JSON': {
    needs: { sqlite3: 'sqlite3' },
    before: ({ bash }) =>
      bash(
        `sqlite3 shop.db "CREATE TABLE item(id, name, price); INSERT INTO item VALUES (1, 'tea \\"x\\"', 2.5), (2, 'é', NULL)"`,
      ),
    leaves: [
      ['item:1', '{"id":1,"name":"tea \\"x\\"","price":2.5}'],
      ['item:2', '{"id":2,"name":"é","price":null}'],
    ],
  },
  'kv to SQLite: a column for each field': {
    needs: { sqlite3: 'sqlite3' },
    store: [
      ['item:1', '{"id":1,"name":"tea, \\"x\\"","price":2.5,"more":[1]}'],
      ['item:2', '{"id":2,"name":"é\\n"}'],
    ],
    check: async ({ bash }) =>
      expect(await bash(`sqlite3 copy.db 'SELECT id, hex(name), price FROM item'`)).toBe(
        '1|7465612C20227822|2.5\n2|C3A90A|\n',
      ),
  },
  'pandas to kv': {
    needs: { python3: 'python3' },
    before: (place) => {
      writeFileSync(join(place.folder, 'people.csv'), PEOPLE)
      pandas(place)
    },
    leaves: USERS,
  },
  'kv to pandas': {
    needs: { python3: 'python3' },
    store: USERS,
    before: pandas,
    check: (_, output) => expect(output).toBe('   id    name\n0   7     Ada\n1  12  Bo, B.\n'),
  },
  'DuckDB to kv': {
    needs: { duckdb: null },
    before: async ({ folder, bash }) => {
      writeFileSync(join(folder, 'people.csv'), PEOPLE)
      await bash(`duckdb -c "COPY (FROM 'people.csv') TO 'people.parquet'"`)
    },
    leaves: USERS,
  },
  'kv to DuckDB': {
    needs: { duckdb: null },
    store: USERS,
    check: async ({ bash }) =>
      expect(await bash(`duckdb people.db -c "SELECT string_agg(id || name) FROM users"`)).toContain('7Ada,12Bo, B.'),
  },
  'Commits of Git, by time': {
    needs: { git: 'git' },
    before: ({ bash }) =>
      bash(`export GIT_COMMITTER_DATE=2030-01-01T00:00:00Z GIT_AUTHOR_DATE=2030-01-01T00:00:00Z
        git init -q . && git -c user.name='Ada "é" Lovelace' -c user.email=a@example.com commit -q --allow-empty -m 'Say "hi", \\t\tdone'`),
    check: async ({ store }) => {
      const [[key, value], ...more] = (await contents(store)) as [[string, string]]
      expect(more).toEqual([])
      const commit = key.replace('commit:2030-01-01T00:00:00+00:00:', '')
      expect(commit).toMatch(/^[0-9a-f]{40}$/)
      const fields = {
        commit,
        time: '2030-01-01T00:00:00+00:00',
        author: 'Ada "é" Lovelace',
        subject: 'Say "hi", \\t\tdone',
      }
      expect(JSON.parse(value)).toEqual(fields)
    },
  },
  'Files, with their bytes': {
    needs: { find: 'findutils' },
    before: ({ folder }) => {
      mkdirSync(join(folder, 'sub'))
      writeFileSync(join(folder, 'sub', 'two\nlines'), '\0\u00ff\n', 'latin1')
    },
    check: async ({ bash }) => expect(await bash("kv get ./sub/two$'\\n'lines | od -An -tx1")).toBe(' 00 ff 0a\n'),
  },
  'Files, size and time of each': {
    needs: { find: 'findutils' },
    before: async ({ folder, bash }) => {
      writeFileSync(join(folder, 'a "b", \\c'), '12345')
      await bash('touch -d 2030-02-03 a*')
    },
    leaves: [['file:./a "b", \\c', JSON.stringify({ path: './a "b", \\c', size: '5', day: '2030-02-03' })]],
  },
  'Users of this machine': {
    needs: {},
    check: async ({ bash }) => expect(await bash('kv get login:root | jq -r .home')).toBe('/root\n'),
  },
}

const CONSUL = HARD.map(([key, value]) => ({ key, flags: 0, value: Buffer.from(value).toString('base64') }))

const LMDB = `VERSION=3\ntype=btree\nHEADER=END\n${HARD.flat()
  .map((text) => ` ${Buffer.from(text).toString('hex')}\n`)
  .join('')}DATA=END\n`

/** A Python that has pandas: Debian's package is for Debian's own. */
const PANDAS = ['python3', '/usr/bin/python3'].find((name) => spawnSync(name, ['-c', 'import pandas']).status === 0)
if (PANDAS === undefined) {
  if (process.env['CI']) throw new Error('tests need pandas: apt-get install python3-pandas')
  console.warn('not tested with pandas: it is not here (apt-get install python3-pandas)')
}

/** From what a recipe does to its lines, as `kv help recipes` has them. */
const LINES = new Map(
  [...RECIPES.matchAll(/^(\S.*)\n((?: {4}.*\n)+)/gm)].map(([, title, lines]) => [title!, lines!] as const),
)

test('every recipe is tested', () => {
  expect(Object.keys(TESTS)).toEqual([...LINES.keys()])
})

describe('recipes do as they say', () => {
  for (const [title, recipe] of Object.entries(TESTS)) {
    const isHere = Object.entries(recipe.needs).every(([name, debian]) => hasProgram(name, debian))
    test.skipIf(!isHere || (title.includes('pandas') && PANDAS === undefined))(title, async () => {
      const place = await newPlace(recipe.store)
      await recipe.before?.(place)
      const output = await place.bash(LINES.get(title)!)
      if (recipe.leaves !== undefined) expect(await contents(place.store)).toEqual(recipe.leaves)
      await recipe.check?.(place, output)
    })
  }
})

async function newPlace(entries: readonly Given[] | undefined): Promise<Place> {
  const store = await givenStore(entries)
  const [folder, programs] = [tempDir(), tempDir()]
  const env = environment({ KV_STORE: store, PATH: `${programs}:${PROGRAM_PATH}`, LC_ALL: 'C.UTF-8' })
  const program = (name: string, script: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(programs, name), 0o755)
  }
  program('kv', `exec ${KV.map(quoted).join(' ')} "$@"`)
  const bash = async (script: string): Promise<string> => {
    const child = spawn('bash', ['-o', 'pipefail', '-e', '-c', script], { cwd: folder, env, stdio: 'pipe' })
    child.stdin.end()
    const { stdout, stderr, code } = await ended(child)
    const complaints = stderr.replace(/^\d+ put, 0 skipped, .*\n/, '')
    expect({ code, complaints, stdout: stdout.toString() }).toEqual({
      code: 0,
      complaints: '',
      stdout: expect.anything(),
    })
    return stdout.toString()
  }
  return { folder, store, program, bash }
}

/** An empty Redis; `redis-cli` speaks to it. */
async function redis({ folder, program, bash }: Place): Promise<void> {
  const socket = join(tempDir(), 'redis')
  program('redis-cli', `exec $(PATH=${quoted(PROGRAM_PATH)} command -v redis-cli) -s ${socket} "$@"`)
  serve('redis-server', ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder])
  await vi.waitFor(() => bash('redis-cli PING'), { timeout: 10_000 })
}

/** `python3` has pandas. */
function pandas({ program }: Place): void {
  program('python3', `PATH=${quoted(PROGRAM_PATH)} exec ${PANDAS} "$@"`)
}

/** An empty etcd; `etcdctl` speaks to it. */
async function etcd({ program, bash }: Place): Promise<void> {
  const [clients, peers] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  program(
    'etcdctl',
    `ETCDCTL_API=3 exec $(PATH=${quoted(PROGRAM_PATH)} command -v etcdctl) --endpoints ${clients} "$@"`,
  )
  const urls = ['--listen-client-urls', clients, '--advertise-client-urls', clients, '--listen-peer-urls', peers]
  const peer = ['--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`]
  serve('etcd', ['--data-dir', tempDir(), ...urls, ...peer])
  await vi.waitFor(() => bash('etcdctl endpoint health 2>&1'), { timeout: 20_000 })
}

/** A word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function serve(program: string, args: readonly string[]): void {
  const child = spawn(program, args, { env: { PATH: PROGRAM_PATH }, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
}
