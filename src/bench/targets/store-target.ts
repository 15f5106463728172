import { parseLocation } from '../../drivers/location.ts'
import { KvError, reasonOf } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import type { Store } from '../../store/store.ts'
import { KEY_PREFIX, type Target } from './target.ts'

/**
 * An open store of kv as a target, which closes it. Throws `KV_USAGE` when it has keys of the benchmark's own prefix:
 * they would be overwritten, and deleted at the end.
 *
 * @param durable whether the store was opened so that writes wait for the disk
 * @param clean whether the benchmark's keys are deleted at the end
 */
export async function storeTarget(store: Store, durable: boolean, clean: boolean): Promise<Target> {
  const { location } = store
  const removal = `remove them with: kv del --store ${quoteWord(location)} --prefix ${KEY_PREFIX} --yes`
  if ((await store.count({ prefix: KEY_PREFIX, limit: 1 })) > 0) {
    throw new KvError('KV_USAGE', `the store already has keys that begin with ${KEY_PREFIX}`, {
      hint: `they may be left from a benchmark that was killed; ${removal}`,
    })
  }
  const countRange = async (options: Parameters<Store['rangePages']>[0]): Promise<number> => {
    let count = 0
    for await (const page of store.rangePages(options)) count += page.length
    return count
  }
  const { isRemote } = parseLocation(location)
  return {
    name: 'kv',
    how: isRemote ? 'over HTTP' : 'library',
    // Only the server knows when a write is on its disk.
    durable: isRemote ? null : durable,
    get: (key) => (store.supports.syncReads ? store.getSync(key) : store.get(key)),
    put: (key, value) => store.put(key, value),
    putMany: (entries) => store.batch(entries.map(({ key, value }) => ({ type: 'put', key, value }))),
    del: (key) => store.del(key),
    range: (start, limit) => countRange({ prefix: KEY_PREFIX, gte: start, limit }),
    scan: (prefix, options) => countRange({ prefix, ...options }),
    count: (prefix) => store.count({ prefix }),
    async engine() {
      const { engine } = (await store.stat()).details
      return engine === undefined ? store.driverName : String(engine)
    },
    async close() {
      try {
        if (clean) await store.delRange({ prefix: KEY_PREFIX })
      } catch (cause) {
        const { code, message } = cause instanceof KvError ? cause : new KvError('KV_IO', reasonOf(cause))
        throw new KvError(code, `${message}; keys that begin with ${KEY_PREFIX} are left in the store`, {
          hint: `when that is mended, ${removal}`,
          cause,
        })
      } finally {
        await store.close()
      }
    },
  }
}
