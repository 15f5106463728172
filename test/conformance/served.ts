import { HttpDriver } from '../../src/drivers/http/driver.ts'
import { openDriver } from '../../src/drivers/index.ts'
import { buildApp } from '../../src/server/app.ts'
import type { Clock } from '../../src/store/driver/driver.ts'
import { Store } from '../../src/store/store.ts'
import type { Place } from './suite.ts'

/** The place of a store behind a real server on a free port, made when it is first opened. */
export function served(location: string): Place {
  let server: Promise<{ url: string; close(): Promise<void> }> | undefined
  let time: Clock = Date.now
  const start = async (): Promise<{ url: string; close(): Promise<void> }> => {
    const store = new Store(location, await openDriver(location, { clock: () => time(), durable: false }))
    const app = await buildApp(store, { token: 'secret', heartbeatMs: 50 })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return { url, close: () => app.close().then(() => store.close()) }
  }
  return {
    async open({ clock } = {}) {
      time = clock ?? time
      server ??= start()
      const { url } = await server
      return HttpDriver.open(url, { credentials: { token: 'secret' } })
    },
    async remove() {
      await (await server)?.close()
    },
  }
}
