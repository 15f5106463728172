/**
 * A program, as ES module, that prints what it finds: an entry and a long range, for which a thread is started, in the
 * file that it is given, and that nothing listens where it looks for a cluster and a server. Or how it failed.
 */
export const PROGRAM = `import { openStore } from 'kvfile'
async function main() {
  const store = await openStore(process.argv[2])
  await store.put('k', 'v')
  console.log(await store.getText('k'))
  const value = 'x'.repeat(1000)
  await store.batch(Array.from({ length: 6000 }, (_, at) => ({ type: 'put', key: 'long:' + at, value })))
  let bytes = 0
  for await (const piece of store.rangeText({ prefix: 'long:', parallel: true })) bytes += piece.length
  console.log(bytes > 6_000_000)
  await store.close()
  for (const location of ['etcd://127.0.0.1:1', 'http://127.0.0.1:1']) {
    const opening = openStore(location, { timeoutMs: 1000 })
    await opening.then((remote) => remote.get('k')).catch((error) => console.log(error.code))
  }
}
main().catch((error) => console.log(error.code + '\\n' + error.hint))
`

/** What the program prints where all is well. */
export const WORKS = 'v\ntrue\nKV_UNAVAILABLE\nKV_UNAVAILABLE\n'

/** What it prints in a bundle that finds no SQLite: there is none in Node, and no addon. */
export const WITHOUT_SQLITE = `KV_UNAVAILABLE
in a bundled program keep kvfile external and install it beside the program, or run Node 22.13 or newer, which has SQLite built in
`
