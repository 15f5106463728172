/** The built library that the child processes run: what users get, without a loader that could hide a fault. */
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The library's file; `KV_TEST_LIBRARY` names another one. */
export const LIBRARY = process.env.KV_TEST_LIBRARY ?? fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** Whether it has been built. */
export const BUILT = existsSync(LIBRARY)

/** Its exports. */
export const library = () => import(pathToFileURL(LIBRARY).href)
