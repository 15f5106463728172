import { KvError } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import type { Care } from '../../store/driver/care.ts'

/** Refuses what is done to the files of a store with what does it for a cluster: its files are those of its members. */
export function careOf(location: string, endpoints: readonly string[]): Care {
  const store = quoteWord(location)
  const etcdctl = `etcdctl --endpoints=${endpoints.join(',')}`
  const refuse = (what: string, hint: string) => (): Promise<never> =>
    Promise.reject(new KvError('KV_NOT_SUPPORTED', `${what}: a store in etcd has no file of its own`, { hint }))
  return {
    backup: refuse('no backup', `copy its entries to a file: kv copy ${store} backup.kv`),
    restore: refuse('nothing restored', `copy the entries of a file: kv copy backup.kv ${store}`),
    compact: refuse(
      'nothing compacted',
      `for the whole cluster: ${etcdctl} compact "$(kv stat --store ${store} --json | jq .revision)" && ${etcdctl} defrag`,
    ),
    salvage: refuse('nothing salvaged', `copy what can be read: kv copy ${store} saved.kv`),
  }
}
