import { interrupted } from '../../../errors.ts'
import { runScript } from '../../../process/child-script.ts'
import { sqliteEngine } from '../engine/engine.ts'
import { withDatabase } from './copy-file.ts'

/** Statements that are run on a connection of their own to a file. */
export interface Step {
  readonly file: string
  readonly sql: string
  /** Takes back what the statements have changed in the process, also when they fail; run on a connection of its own. */
  readonly cleanUp?: string
}

/** Runs the steps and prints nothing, or what the engine threw. */
const PROGRAM = `
  const [module, steps] = process.argv.slice(1)
  const { DatabaseSync } = require(module)
  try {
    for (const { file, sql } of JSON.parse(steps)) {
      const database = new DatabaseSync(file)
      try {
        database.exec(sql)
      } finally {
        database.close()
      }
    }
  } catch ({ message, code, errcode }) {
    require('node:fs').writeFileSync(1, JSON.stringify({ message, code, errcode }))
  }
`

/**
 * Runs steps one after the other. Nothing can stop the engine in a statement: with a signal it runs in a process of its own, which
 * is killed when the signal is aborted. Throws what the engine throws, and `KV_INTERRUPTED`.
 */
export async function runSteps(steps: readonly Step[], signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    for (const { file, sql, cleanUp } of steps) {
      try {
        withDatabase(file, (database) => database.exec(sql))
      } finally {
        if (cleanUp !== undefined) withDatabase(':memory:', (database) => database.exec(cleanUp))
      }
    }
    return
  }
  const output = await runScript(PROGRAM, [sqliteEngine().module, JSON.stringify(steps)], signal)
  if (signal.aborted) throw interrupted(signal)
  if (output === '') return
  const { message, ...codes } = JSON.parse(output ?? '{"message":"its process ended too early"}') as { message: string }
  throw Object.assign(new Error(message), codes)
}
