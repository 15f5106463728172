import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { COMMANDS as ENTRIES } from '../../src/commands/index.ts'
import { CODES } from '../../src/errors.ts'
import { IS_NATIVE, errorText, expectRun, kv } from '../helpers/kv.ts'

const GOLDEN = fileURLToPath(new URL('../../fixtures/help', import.meta.url))

/** With KV_UPDATE_HELP=1 the files are written anew instead of compared. */
function expectGolden(name: string, text: string): void {
  const file = join(GOLDEN, `${name}.txt`)
  if (process.env['KV_UPDATE_HELP']) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  expect(existsSync(file), `${file} is missing: run the test with KV_UPDATE_HELP=1`).toBe(true)
  expect(text).toBe(readFileSync(file, 'utf8'))
}

/** Every command, and `help`, which is the program's own. */
const COMMANDS = [...Object.keys(ENTRIES), 'help']
const TOPICS = ['exit-codes', 'formats', 'templates', 'recipes', 'care', 'environment', 'durability', 'etcd']

describe('help', () => {
  test.for([
    ...COMMANDS.map((command) => [command, [command, '--help']] as const),
    ...TOPICS.map((topic) => [topic, ['help', topic]] as const),
    ['kv', ['--help']] as const,
  ])('the text of %s is as written down, and fits 80 columns', async ([name, args]) => {
    const { stdout, stderr, code } = await kv(args)
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const text = stdout.toString()
    expectGolden(name, text)
    expect(text.split('\n').filter((line) => line.length > 100)).toEqual([])
  })

  test.for(COMMANDS)('kv help %s is the same as its --help', async (command) => {
    const [one, other] = await Promise.all([kv(['help', command]), kv([command, '--help'])])
    expectRun(one, { stdout: other.stdout })
  })

  test('kv help is the same as kv --help, and so is -h', async () => {
    const [one, two, three] = await Promise.all([kv(['help']), kv(['--help']), kv(['-h'])])
    expectRun(one, { stdout: two.stdout })
    expectRun(three, { stdout: two.stdout })
  })

  test('kv --help lists every command', async () => {
    const { stdout } = await kv(['--help'])
    for (const command of COMMANDS) expect(stdout.toString()).toMatch(new RegExp(`^  ${command} +\\S`, 'm'))
  })

  test('every command shows an example', async () => {
    for (const command of COMMANDS.slice(0, -1))
      expect(readFileSync(join(GOLDEN, `${command}.txt`), 'utf8')).toMatch(
        new RegExp(`^Examples?:\\n.*\\bkv ${command}\\b`, 'ms'),
      )
  })

  test('kv help exit-codes lists every code with its exit code', async () => {
    const { stdout } = await kv(['help', 'exit-codes'])
    for (const [code, { exit }] of Object.entries(CODES))
      expect(stdout.toString()).toMatch(new RegExp(`^  ${code} +${exit}$`, 'm'))
  })

  test('kv help environment names the variable of every global option', async () => {
    const { stdout } = await kv(['help', 'environment'])
    for (const name of ['STORE', 'JSON', 'FORMAT', 'QUIET', 'NO_COLOR', 'NO_INPUT', 'LOCK_TIMEOUT', 'TIMEOUT', 'DEBUG'])
      expect(stdout.toString()).toContain(`  KV_${name} `)
  })

  test('without a command the help goes to stderr, exit 2', async () => {
    const help = await kv(['--help'])
    const stderr = `${help.stdout.toString()}\nTo run the commands of standard input: kv repl\n`
    expectRun(await kv([]), { stderr, code: 2 })
    expectRun(await kv(['--json']), { stderr, code: 2 })
  })

  test('help on nothing there is names what there is', async () => {
    expectRun(await kv(['help', 'nothing']), {
      stderr: errorText(
        'no help on nothing',
        'KV_USAGE',
        `topics: ${TOPICS.join(' ')}; commands: ${COMMANDS.join(' ')}`,
      ),
      code: 2,
    })
  })

  // The executable also says what it is built of.
  test.skipIf(IS_NATIVE)('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expectRun(await kv(['--version']), { stdout: `${version}\n` })
    expectRun(await kv(['get', '--version']), { stdout: `${version}\n` })
  })
})
