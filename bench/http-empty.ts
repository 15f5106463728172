/** The peer of bench:http: Fastify with one empty route, nothing else. Prints its address as `kv serve --json` does. */
import { fastify } from 'fastify'

const app = fastify()
app.get('/empty', (_request, reply) => reply.type('application/json').send('{}'))
process.stdout.write(`${JSON.stringify({ url: await app.listen({ host: '127.0.0.1', port: 0 }) })}\n`)
process.once('SIGTERM', () => void app.close())
