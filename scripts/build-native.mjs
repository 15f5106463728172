/**
 * Builds `dist/native/kv`, one executable that needs no Node: the command line of `dist/cli` with its threads and the
 * page of the API, compiled into Bun, which has SQLite. Bun is taken from PATH or from node_modules.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isWindows = process.platform === 'win32'
const EXE = isWindows ? '.exe' : ''
/** Where a compiled program finds what is in it. */
const INSIDE = isWindows ? 'B:/~BUN/root' : '/$bunfs/root'
const THREADS = ['parse-worker.cjs', 'export-worker.cjs', 'merge-worker.cjs']

const bun = findBun()
const output = join(root, 'dist/native', `kv${EXE}`)
const scratch = mkdtempSync(join(tmpdir(), 'kv-native-'))
try {
  const cli = join(scratch, 'cli')
  copyCommandLine(cli)
  cpSync(join(root, 'dist/static'), join(scratch, 'static'), { recursive: true })
  mkdirSync(dirname(output), { recursive: true })
  compile(cli)
  // Once more, with the code that a start runs in the order in which it runs.
  compile(cli, recordOrder())
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.stdout.write(`${output}: ${execFileSync(output, ['--version'], { encoding: 'utf8' })}`)

function findBun() {
  const { PATH = '' } = process.env
  const places = PATH.split(delimiter).map((folder) => join(folder, `bun${EXE}`))
  const system = `${isWindows ? 'windows' : process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
  places.push(join(root, 'node_modules/@oven', `bun-${system}`, 'bin', `bun${EXE}`))
  const found = places.find((file) => existsSync(file))
  if (found !== undefined) return found
  process.stderr.write(
    `bun is neither in PATH nor in node_modules. To get it: npm install --no-save --ignore-scripts @oven/bun-${system}\n`,
  )
  process.exit(1)
}

/** The modules of the command line; those that the package runs out of V8's cache take the place of what runs them. */
function copyCommandLine(folder) {
  cpSync(join(root, 'dist/cli'), folder, { recursive: true, filter: (file) => !/\.(js|cache)$/.test(file) })
  for (const file of readdirSync(join(root, 'dist/cli'))) {
    const [, name] = /^(\w+)-\w+\.js$/.exec(file) ?? []
    if (name !== undefined) cpSync(join(root, 'dist/cli', file), join(folder, `${name}.cjs`))
  }
  cpSync(join(root, 'dist/grpc.cjs'), join(folder, 'grpc.cjs'))
  writeFileSync(join(folder, 'kv.cjs'), `require('./main.cjs').start()\n`)
}

function compile(cli, order = []) {
  const files = [join(cli, 'kv.cjs'), ...THREADS.map((name) => join(cli, name))]
  const options = ['--compile', '--bytecode', '--minify', '--format=cjs', `--root=${scratch}`, `--outfile=${output}`]
  // Neither what lies in the current folder nor the folder of the build is of interest to a compiled program.
  const own = [
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    `--define=__filename="${INSIDE}/cli/kv.cjs"`,
  ]
  // Most of what a short command runs is not worth compiling to machine code. Loads and exports are as fast.
  const speed = ['--compile-jit-policy=10', ...order.map((file) => `--bytecode-order=${file}`)]
  const args = ['build', ...options, ...own, ...speed, '--entry-naming=[dir]/[name].cjs', `--asset=../static`, ...files]
  execFileSync(bun, args, { cwd: cli, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Runs the commands that have to be quick; returns files that say in which order their code is needed. */
function recordOrder() {
  const store = join(scratch, 'store.kv')
  const runs = [['put', 'key', 'value'], ['get', 'key'], ['--help']]
  return runs.map((args, at) => {
    const file = join(scratch, `order-${at}`)
    execFileSync(output, [...args, '--store', store], {
      env: { ...process.env, BUN_BYTECODE_ORDER_OUT: file },
      stdio: 'ignore',
    })
    return file
  })
}
