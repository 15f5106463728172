import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TEMPLATES_TOPIC } from '../../src/cli/topics/templates.ts'
import { examplesOf } from '../helpers/examples.ts'
import { expectRun, givenStore, shell } from '../helpers/kv.ts'
import { tempDir } from '../helpers/temp-dir.ts'

/** Each command of the examples with what it is said to print. */
const EXAMPLES = [...TEMPLATES_TOPIC.matchAll(/^ {2}(\$ .*\n(?: {2}[^$].*\n)*)/gm)].flatMap(([, example]) =>
  examplesOf(example!.replaceAll(/^ {2}/gm, '')),
)

test('the examples of kv help templates print what they say', async () => {
  expect(EXAMPLES.length).toBeGreaterThan(5)
  const store = await givenStore()
  const cwd = tempDir()
  const [people, ...commands] = EXAMPLES
  expect(people!.command).toBe('cat people.jsonl')
  writeFileSync(join(cwd, 'people.jsonl'), people!.output)
  for (const { command, output } of commands) {
    const { stdout, stderr, code } = await shell(command, { store, cwd })
    // A terminal ends the line of a lone value.
    const shown = stdout.toString().replace(/([^\n])$/, '$1\n')
    expect({ command, shown, stderr, code }).toEqual({ command, shown: output, stderr: '', code: 0 })
  }
  expectRun(await shell('kv help templates', { store }), { stdout: `${TEMPLATES_TOPIC.trim()}\n` })
})
