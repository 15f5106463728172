/** `/openapi.json` and `/docs`: the description of the API and its interactive page. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { type FastifyInstance, fastify } from 'fastify'
import { pageFiles } from './page-files.ts'
import { pageDescription } from './swagger-page.ts'
import { noSuchPath, sendError } from '../http/http-error.ts'
import { PATHS } from '../../protocol/http-api.ts'
import { WITHOUT_COMPILERS } from './schema.ts'

/** What the interactive page may load: nothing from elsewhere. It styles its elements itself. */
const PAGE_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; frame-ancestors 'none'; base-uri 'self'"

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40" width="120" height="40" role="img" aria-label="kv">
<text x="0" y="30" fill="#fff" font-family="ui-monospace, monospace" font-size="32" font-weight="700">kv</text></svg>`

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="6" fill="#1b1b1b"/>
<text x="16" y="22" text-anchor="middle" fill="#fff" font-family="ui-monospace, monospace" font-size="17" font-weight="700">kv</text></svg>`

/** A plugin that runs in the page: shows JSON Lines as text, not as JSON that cannot be parsed. */
const linesAsTheyAre = (page: { React: { createElement(component: unknown, props: object): unknown } }): object => ({
  wrapComponents: {
    responseBody: (component: unknown) => (props: { contentType?: string }) =>
      page.React.createElement(component, {
        ...props,
        contentType: /ndjson/.test(props.contentType ?? '') ? 'text/plain' : props.contentType,
      }),
  },
})

/** A server that answers only for the description of the routes that `describe` adds to it. */
export async function documentation(
  describe: (app: FastifyInstance) => void,
  { needsToken }: { needsToken: boolean },
): Promise<FastifyInstance> {
  const app = fastify({ ...WITHOUT_COMPILERS, routerOptions: { ignoreTrailingSlash: true } })
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply))
  app.setNotFoundHandler((request, reply) => sendError(noSuchPath(), request, reply))
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'kv',
        version: '1',
        description:
          'An ordered key-value store. Keys are ordered by their bytes. When a write is answered, it is on disk.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(needsToken ? { security: [{ token: [] }] } : {}),
    },
  })
  pageFiles(app)
  await app.register(swaggerUi, {
    routePrefix: PATHS.docs,
    // A proxy may have the server below some path: links are relative.
    indexPrefix: '.',
    staticCSP: PAGE_POLICY,
    transformSpecification: pageDescription,
    // The description is not changed in place.
    transformSpecificationClone: false,
    uiConfig: { layout: 'BaseLayout', plugins: [linesAsTheyAre] as never },
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: PATHS.docs, target: '_self' },
    theme: {
      title: 'kv',
      favicon: [{ filename: 'icon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: ICON }],
    },
  })
  app.get(PATHS.openapi, { schema: { hide: true } }, (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  )
  describe(app)
  await app.ready()
  return app
}
