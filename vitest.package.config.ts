import { defineConfig, mergeConfig } from 'vitest/config'
import { common } from './vitest.config.ts'

/** Tests that install other tools from npm's registry: the package as projects elsewhere use it. */
export default mergeConfig({ test: common }, defineConfig({ test: { include: ['test/package/elsewhere/*.test.ts'] } }))
