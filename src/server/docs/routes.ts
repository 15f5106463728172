import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PATHS } from '../../protocol/http-api.ts'

/** Adds `/docs` and `/openapi.json`. What they need is loaded at the first request: it takes 40 ms. */
export function documentationRoutes(
  app: FastifyInstance,
  describe: (app: FastifyInstance) => void,
  options: { needsToken: boolean },
): void {
  let documents: Promise<FastifyInstance> | undefined
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    documents ??= import('./openapi.ts').then(({ documentation }) => documentation(describe, options))
    const { routing } = await documents
    for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value as string)
    reply.hijack()
    routing(request.raw, reply.raw)
  }
  for (const path of [PATHS.docs, `${PATHS.docs}/*`, PATHS.openapi]) app.get(path, { schema: { hide: true } }, answer)
  app.addHook('onClose', async () => void (await (await documents)?.close()))
}
