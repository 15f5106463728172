import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ended, errorText, expectRun, givenStore, kvProcess, startNode } from '../helpers/kv.ts'
import { asUsers, openFolder } from '../helpers/user.ts'

test.for<[string, string, (path: string) => void]>([
  ['is a folder', '-wal', (path) => void mkdirSync(path)],
  ['is a link that leads nowhere', '-wal', (path) => symlinkSync('nowhere', path)],
  ['is a folder', '-shm', (path) => void mkdirSync(path)],
])('a store whose %s%s is told which file is in the way, and how to move it', async ([what, suffix, make]) => {
  const store = await givenStore()
  expectRun(await kvProcess(['put', 'a', '1'], { store }), {})
  make(store + suffix)
  expectRun(await kvProcess(['put', 'a', '2'], { store }), {
    stderr: errorText(
      `${store}${suffix} ${what}; it should be ${suffix === '-wal' ? 'the log of the store' : 'the index of its log'}`,
      'KV_UNAVAILABLE',
      `move it away: mv ${store}${suffix} ${store}${suffix}.away`,
    ),
    code: 4,
  })
})

const USER = 61_001

test.for<[string, string, (folder: string) => void, string, RegExp]>([
  [
    'another user owns the file',
    'get',
    (folder) => chmodSync(join(folder, 's.kv'), 0o600),
    's.kv cannot be read: it belongs to user 0, with mode 600',
    /^run it as its owner: sudo -u '#0' kv \.\.\.$/,
  ],
  [
    'another user owns the file',
    'put',
    () => {},
    's.kv cannot be written: it belongs to user 0, with mode 644',
    /^run it as its owner/,
  ],
  [
    'the file may not be written',
    'put',
    (folder) => own(join(folder, 's.kv'), 0o444),
    's.kv cannot be written: it belongs to you, with mode 444',
    /^chmod u\+w \S+s\.kv$/,
  ],
  [
    'another user owns the folder',
    'put',
    (folder) => own(join(folder, 's.kv'), 0o644),
    's.kv cannot be written: its folder belongs to user 0, and files must be made there while it is written',
    /ls -ld /,
  ],
  [
    'another user owns the log',
    'put',
    (folder) => {
      chmodSync(folder, 0o777)
      own(join(folder, 's.kv'), 0o644)
      writeFileSync(join(folder, 's.kv-wal'), '', { mode: 0o644 })
    },
    's.kv-wal cannot be written: it belongs to user 0',
    /^give it the owner and the rights of the store: sudo chown --reference=\S+s\.kv \S+s\.kv-wal && sudo chmod --reference=\S+s\.kv \S+s\.kv-wal$/,
  ],
])('when %s, %s says so', async ([, command, prepare, message, hint], context) => {
  const run = asUsers(context)
  const folder = openFolder(0o755)
  const store = join(folder, 's.kv')
  expectRun(await kvProcess(['put', 'a', '1'], { store }), {})
  chmodSync(store, 0o644)
  prepare(folder)
  const { stderr, code } = await run(USER, [command, 'a', ...(command === 'put' ? ['2'] : []), '--store', store])
  const [first, second] = stderr.split('\n')
  expect({ code, first, hint: second?.replace(/^hint: /, '') }).toEqual({
    code: 4,
    first: `kv: ${folder}/${message} (${message.includes(' read: ') ? 'KV_DENIED' : 'KV_READ_ONLY'})`,
    hint: expect.stringMatching(hint),
  })
})

test.for(['get', 'put'])('a store in a folder that may not be looked into: %s says so', async (command, context) => {
  const run = asUsers(context)
  const folder = openFolder(0o700)
  const store = join(folder, 's.kv')
  expectRun(await run(USER, [command, 'a', ...(command === 'put' ? ['2'] : []), '--store', store]), {
    stderr: errorText(`cannot look into ${folder}`, 'KV_DENIED', `ask its owner, or see who it is: ls -ld ${folder}`),
    code: 4,
  })
})

function own(path: string, mode: number): void {
  chownSync(path, USER, USER)
  chmodSync(path, mode)
}

test.runIf(process.platform === 'linux')('when no more files can be opened, that is what is said', async () => {
  const store = await givenStore([['a', '1']])
  const other = await givenStore([['a', '1']])
  const program = `
    import { closeSync, openSync } from 'node:fs'
    import { openStore } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    await (await openStore(${JSON.stringify(other)})).get('a')
    const open = []
    try { for (;;) open.push(openSync('/dev/null', 'r')) } catch {}
    for (const descriptor of open.slice(-2)) closeSync(descriptor)
    try { await (await openStore(${JSON.stringify(store)})).get('a') } catch (error) { console.log(error.code, error.message) }
  `
  const run = await ended(
    startNode(['--input-type=module', '-e', program], { cwd: fileURLToPath(new URL('../..', import.meta.url)) }),
  )
  expect(run.stdout.toString()).toBe(`KV_UNAVAILABLE cannot open ${store}: too many files are open\n`)
})
