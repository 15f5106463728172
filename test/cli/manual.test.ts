import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/index.ts'
import { kv } from '../helpers/kv.ts'
import { hasProgram } from '../helpers/programs.ts'
import { tempDir } from '../helpers/temp-dir.ts'

const ROOT = new URL('../../', import.meta.url)
const { man } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { man: [string] }
const PAGE = fileURLToPath(new URL(man[0], ROOT))

describe.runIf(hasProgram('mandoc'))('the manual page', () => {
  const shown = (): string =>
    execFileSync('mandoc', ['-Tutf8', '-Owidth=200', PAGE], { encoding: 'utf8' }).replaceAll(/.\u0008/g, '')

  test('has no fault that mandoc knows of', () => {
    const { stdout, status } = spawnSync('mandoc', ['-Tlint', PAGE], { encoding: 'utf8' })
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
  })

  test('has every command with its options and examples, as its help', async () => {
    const page = shown()
    for (const name of Object.keys(COMMANDS)) {
      const help = (await kv([name, '--help'])).stdout.toString()
      const section = page.slice(page.indexOf(`\n   kv ${name}\n`))
      expect(section).toContain(help.split('\n')[0]!.replace('Usage: ', ''))
      for (const option of help.match(/^ {2}-.*?(?= {2}|$)/gm) ?? [])
        expect(section.replaceAll(/[<>]/g, '')).toContain(option.trim().replaceAll(/[<>]/g, ''))
      for (const line of help.match(/^ {2}(printf |cat )?kv .*$/gm) ?? []) expect(section).toContain(line)
    }
  })

  test('has every topic, word for word', async () => {
    const lines = new Set(
      shown()
        .split('\n')
        .map((line) => line.trim()),
    )
    for (const topic of ['exit-codes', 'formats', 'templates', 'recipes', 'care', 'environment', 'durability', 'etcd'])
      for (const line of (await kv(['help', topic])).stdout.toString().split('\n')) expect(lines).toContain(line.trim())
  })
})

test('a global installation links the manual page to where man looks', () => {
  const prefix = tempDir()
  const flags = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund']
  execFileSync('npm', ['install', '-g', '--prefix', prefix, ...flags, fileURLToPath(ROOT)], { stdio: 'pipe' })
  expect(readFileSync(join(prefix, 'share/man/man1/kv.1.gz'))).toEqual(readFileSync(PAGE))
})
