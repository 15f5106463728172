import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runSteps } from '../../../src/drivers/sqlite/care/run-steps.ts'
import { sqliteEngine } from '../../../src/drivers/sqlite/engine/engine.ts'
import { tempDir } from '../../helpers/temp-dir.ts'

test('a step that fails in a transaction leaves no setting of the process behind', async () => {
  const folder = tempDir()
  const file = join(folder, 'steps')
  const set = `pragma temp_store_directory = '${folder}'`
  const cleanUp = `pragma temp_store_directory = ''`
  await runSteps([{ file, sql: set }], undefined)
  expect(temporaryFolder()).toEqual([{ temp_store_directory: folder }])
  const step = { file, sql: `${set}; begin; create table t(a); insert into nowhere values (1); commit`, cleanUp }
  await expect(runSteps([step], undefined)).rejects.toThrow('nowhere')
  expect(temporaryFolder()).toEqual([])
})

function temporaryFolder(): unknown[] {
  const database = new (sqliteEngine().DatabaseSync)(':memory:')
  try {
    return database.prepare('pragma temp_store_directory').all()
  } finally {
    database.close()
  }
}
