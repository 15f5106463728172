import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { crc32 } from '../../blocks/crc32.ts'
import { codeFolder } from '../../code-folder.ts'

/** Of `@fastify/swagger-ui`, with their media types. */
const FILES = {
  'index.css': 'text/css; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
}

/** Serves the page's files from our package, where they lie compressed; without a build, `@fastify/swagger-ui` does. */
export function pageFiles(app: FastifyInstance): void {
  const folder = join(codeFolder(), '../static')
  if (!existsSync(folder)) return
  for (const [name, type] of Object.entries(FILES)) {
    app.get(`/docs/static/${name}`, { schema: { hide: true } }, (request, reply) => {
      const packed = readFileSync(join(folder, `${name}.br`))
      const etag = `"${crc32(packed, 0, packed.length, 0).toString(16)}"`
      reply.headers({ 'cache-control': 'public, max-age=0', etag })
      if (request.headers['if-none-match'] === etag) return reply.code(304).send()
      return reply.type(type).send(brotliDecompressSync(packed))
    })
  }
  // The bar above the page, which nothing of ours is in; its script names what the page begins with.
  app.get('/docs/static/swagger-ui-standalone-preset.js', { schema: { hide: true } }, (_request, reply) =>
    reply.type(FILES['swagger-ui-bundle.js']).send('window.SwaggerUIStandalonePreset = []'),
  )
}
