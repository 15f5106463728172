import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The addons of `@photostructure/sqlite`, and what they are called in `dist/engine`: `linux-x64-musl.node`. */
export function addons() {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@photostructure/sqlite/package.json')),
    'prebuilds',
  )
  return readdirSync(folder).flatMap((platform) =>
    readdirSync(join(folder, platform)).map((file) => ({
      name: `${platform}${file.includes('.musl.') ? '-musl' : ''}.node`,
      file: join(folder, platform, file),
    })),
  )
}
