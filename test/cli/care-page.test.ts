import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type TestContext, describe, expect, onTestFinished, test } from 'vitest'
import { CARE_TOPIC } from '../../src/cli/topics/care.ts'
import { noise } from '../helpers/bytes.ts'
import { examplesOf } from '../helpers/examples.ts'
import { BIN, contents, ended, environment, kvProcess } from '../helpers/kv.ts'
import { PROGRAM_PATH, hasProgram } from '../helpers/programs.ts'
import { served } from '../helpers/serve.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { tempDir } from '../helpers/temp-dir.ts'
import { Terminal, needTerminal } from '../helpers/terminal.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const WORLD = fileURLToPath(new URL('../../fixtures/world.jsonl', import.meta.url))

/** The parts of the page of care, by their titles. */
const PARTS = new Map(
  /^## Taking care of a store\n([^]*?)^## /m
    .exec(README)![1]!
    .split(/^### /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), part] as const),
)

/** The text of the fenced blocks of a language. */
function blocks(part: string, language: string): string {
  return [...part.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, text]) => text!).join('')
}

/** Where a part of the page is run: a folder with the store `app.kv`, and programs before all others. */
interface Place {
  readonly folder: string
  readonly store: string
  /** Folder of the programs. */
  readonly programs: string
}

interface Preparation {
  /** Programs and their packages in Debian. */
  readonly needs?: Readonly<Record<string, string>>
  /** Bytes of the disk, where it must be a small one. */
  readonly disk?: string
  /** What is there before; resolves to what stands on the page for something else here. */
  readonly before?: (place: Place) => unknown
  readonly after?: (place: Place) => unknown
}

const PREPARED: Readonly<Record<string, Preparation>> = {
  'Backup and restore': {
    after: async ({ folder, store }) => {
      expect(await contents(store)).toHaveLength(1088)
      expect(readdirSync(folder).filter((name) => name.includes('restore'))).toHaveLength(2)
    },
  },
  'Moving to another machine': {
    needs: { sqlite3: 'sqlite3' },
    before: async () => ({ 'http://host:8003': (await served()).url }),
  },
  'Who has the file open': { needs: { sqlite3: 'sqlite3' }, before: lockByAnother },
  'The disk is full': {
    disk: '2m',
    before: async ({ store }) => {
      for (const name of ['log:1', 'log:2'])
        expect((await kvProcess(['put', name, '-'], { store, input: noise(300_000) })).code).toBe(0)
      const photo = join(tempDir(), 'photo.jpg')
      writeFileSync(photo, noise(3_000_000))
      return { 'photo.jpg': photo }
    },
  },
  Damage: {
    before: async ({ folder, store }) => {
      await kvProcess(['backup', join(folder, 'monday.kv')], { store })
      damage(store)
    },
    after: async ({ store }) =>
      expect((await contents(store)).find(([key]) => key === 'currency:EGP')![1]).toContain('Egyptian'),
  },
  'What never to do': {},
}

test('every part of the page is run', () => {
  expect(Object.keys(PREPARED)).toEqual([...PARTS.keys()])
})

describe('the page of care prints what it says', () => {
  for (const [title, { needs = {}, disk, before, after }] of Object.entries(PREPARED)) {
    const examples = examplesOf(blocks(PARTS.get(title) ?? '', 'console'))
    if (examples.length === 0) continue
    const isHere = Object.entries(needs).every(([name, debian]) => hasProgram(name, debian))
    test.skipIf(!isHere)(title, async (context) => {
      needTerminal(context)
      const place = await newPlace(context, disk)
      const named = Object.entries(((await before?.(place)) ?? {}) as Record<string, string>)
      const here = (text: string): string => named.reduce((so, [said, is]) => so.replaceAll(said, is), text)
      const shown = await inTerminal(
        place,
        examples.map(({ command }) => here(command)),
      )
      const general = (text: string): string =>
        named
          .reduce((so, [said, is]) => so.replaceAll(is, said), text)
          .replaceAll(place.folder, '/home/ada')
          .replaceAll(/in \d+\.\d\d s( \([\d,]+ rows\/s\))?/g, 'in N s')
          .replaceAll(/\d+ \(sqlite3\)/g, 'PID (sqlite3)')
      expect(examples.map(({ command }, i) => `$ ${command}\n${general(shown[i]!)}`)).toEqual(
        examples.map(({ command, output }) => `$ ${command}\n${general(output)}`),
      )
      await after?.(place)
    })
  }
})

const CRON_LINE = /^ *(?:\S+ +){5}(cd .*)$/m
const README_LINE = CRON_LINE.exec(blocks(PARTS.get('Backup and restore')!, 'crontab'))![1]!

describe('the line for cron', () => {
  test.for<[where: string, line: string]>([
    ['README', README_LINE],
    ['kv help care', CRON_LINE.exec(CARE_TOPIC)![1]!],
  ])('of %s makes a backup a day, and says nothing', async ([, line], context) => {
    const [place, backups] = [await newPlace(context), tempDir()]
    const old = oldFiles(backups)
    for (const _ of ['once', 'once more']) {
      const run = await cron(line, place, backups)
      expect({ ...run, stdout: String(run.stdout) }).toEqual({ stdout: '', stderr: '', code: 0, signal: null })
    }
    const left = line === README_LINE ? old.slice(1) : old
    expect(readdirSync(backups).filter((name) => !left.includes(name))).toEqual([
      expect.stringMatching(/^app-\d{4}-\d\d-\d\d\.kv$/),
    ])
    expect(readdirSync(backups)).toHaveLength(left.length + 1)
  })

  test('of a damaged store fails, says why, and leaves old backups', async (context) => {
    const [place, backups] = [await newPlace(context), tempDir()]
    damage(place.store)
    const old = oldFiles(backups)
    const { stderr, code } = await cron(README_LINE, place, backups)
    expect([stderr, code]).toEqual([expect.stringContaining('KV_CORRUPT'), 4])
    expect(readdirSync(backups)).toEqual(expect.arrayContaining(old))
  })
})

/** A backup of long ago, and a file that is none. */
function oldFiles(folder: string): string[] {
  const names = ['app-2020-01-01.kv', 'letter']
  for (const name of names) {
    writeFileSync(join(folder, name), '')
    utimesSync(join(folder, name), 0, 0)
  }
  return names
}

/** Runs a command of a crontab as cron does, at another store and folder. */
function cron(line: string, place: Place, backups: string): ReturnType<typeof ended> {
  // A percent sign that is not quoted ends the command.
  expect(line.replaceAll(String.raw`\%`, '')).not.toContain('%')
  const command = line.replaceAll(String.raw`\%`, '%').replace('/var/backups/app', backups)
  const env = { HOME: '/', LOGNAME: 'ada', SHELL: '/bin/sh', PATH: pathOf(place), KV_STORE: place.store }
  const child = spawn('sh', ['-c', command], { cwd: '/', env })
  child.stdin.end()
  return ended(child)
}

async function newPlace(context: TestContext, disk?: string): Promise<Place> {
  const folder = disk === undefined ? tempDir() : smallDisk(context, disk)
  const [programs, remote] = [tempDir(), tempDir()]
  const store = join(folder, 'app.kv')
  expect((await kvProcess(['batch-put', WORLD], { store })).code).toBe(0)
  const program = (name: string, script: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(programs, name), 0o755)
  }
  program('kv', `exec '${process.execPath}' '${BIN}' "$@"`)
  program('ssh', `shift; cd '${remote}' && exec sh -c "$*"`)
  return { folder, store, programs }
}

function pathOf({ programs }: Place): string {
  return `${programs}:${PROGRAM_PATH}`
}

/** What each of some commands shows on a terminal, run by bash one after another. */
async function inTerminal(place: Place, commands: readonly string[]): Promise<string[]> {
  const mark = '\u00a7'
  const script = ['cd "$1"', ...commands.map((command) => `${command}\necho; echo ${mark}`)].join('\n')
  const env = environment({ PATH: pathOf(place), KV_STORE: 'app.kv', LC_ALL: 'C.UTF-8', NO_COLOR: '1' })
  const terminal = new Terminal('bash', ['-c', script, 'bash', place.folder], { env, columns: 250, rows: 100 })
  await terminal.ended
  return terminal
    .screen()
    .split(`${mark}\n`)
    .map((text) => text.replace(/\n(§)?$/, ''))
}

/** A byte of an entry is changed. */
function damage(store: string): void {
  const bytes = readFileSync(store)
  bytes[bytes.indexOf('Egyptian')]! ^= 1
  writeFileSync(store, bytes)
}

/** A program has the store open and is writing. */
async function lockByAnother({ store }: Place): Promise<void> {
  const child = spawn('sqlite3', [store], { env: { PATH: PROGRAM_PATH } })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdin.write('begin immediate;\n.print locked\n')
  await once(child.stdout, 'data')
}
