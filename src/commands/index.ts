import type { CommandEntry } from '../cli/build-program.ts'

/** The only list of commands, in the order of the help text. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  get: {
    summary: 'print the value of a key',
    load: async () => (await import('./get.ts')).get,
    plain: { least: 1, most: Infinity, load: async () => (await import('./get/get-keys.ts')).getPlain },
  },
  put: {
    summary: 'store a value under a key',
    load: async () => (await import('./put.ts')).put,
    plain: { least: 1, most: 2, load: async () => (await import('./put/put-entry.ts')).putPlain },
  },
  range: { summary: 'print entries in key order', load: async () => (await import('./range.ts')).range },
  'batch-put': {
    summary: 'store many entries from files or a pipe',
    load: async () => (await import('./batch-put.ts')).batchPut,
  },
  del: { summary: 'delete keys', load: async () => (await import('./del.ts')).del },
  rename: { summary: 'give keys other names', load: async () => (await import('./rename.ts')).rename },
  ls: { summary: 'list keys and folders, one level deep', load: async () => (await import('./ls.ts')).ls },
  du: { summary: 'print how many bytes keys and folders take', load: async () => (await import('./du.ts')).du },
  count: { summary: 'count keys', load: async () => (await import('./count.ts')).count },
  watch: { summary: 'print changes as they happen', load: async () => (await import('./watch.ts')).watch },
  incr: { summary: 'add to a counter', load: async () => (await import('./incr.ts')).incr },
  lock: {
    summary: 'run a command that only one may run at a time',
    load: async () => (await import('./lock.ts')).lock,
  },
  ttl: { summary: 'print how long a key will live', load: async () => (await import('./ttl.ts')).ttl },
  expire: { summary: 'let a key expire after a time', load: async () => (await import('./expire.ts')).expire },
  persist: { summary: 'let a key stay for ever', load: async () => (await import('./persist.ts')).persist },
  history: {
    summary: 'keep old values, and print those of a key',
    load: async () => (await import('./history.ts')).history,
  },
  revert: { summary: 'put back what a key was before', load: async () => (await import('./revert.ts')).revert },
  stat: { summary: 'print facts about the store', load: async () => (await import('./stat.ts')).stat },
  check: { summary: 'verify every entry and the file itself', load: async () => (await import('./check.ts')).check },
  backup: { summary: 'copy the store into a file', load: async () => (await import('./backup.ts')).backup },
  restore: {
    summary: 'put a backup in the place of the store',
    load: async () => (await import('./restore.ts')).restore,
  },
  salvage: {
    summary: 'save what can be read of a damaged store',
    load: async () => (await import('./salvage.ts')).salvage,
  },
  compact: {
    summary: 'write the store anew: in key order, without unused space',
    load: async () => (await import('./compact.ts')).compact,
  },
  copy: { summary: 'copy entries to another store', load: async () => (await import('./copy.ts')).copy },
  diff: { summary: 'compare two stores', load: async () => (await import('./diff.ts')).diff },
  bench: { summary: 'measure how fast a store is here', load: async () => (await import('./bench.ts')).bench },
  serve: { summary: 'serve the store over HTTP', load: async () => (await import('./serve.ts')).serve },
  peek: {
    summary: 'print what a value is, with its head and tail',
    load: async () => (await import('./peek.ts')).peek,
  },
  pick: {
    summary: 'search a key while typing, and print its entry',
    load: async () => (await import('./pick.ts')).pick,
  },
  completion: {
    summary: 'print the script that lets a shell complete kv',
    load: async () => (await import('./completion.ts')).completion,
  },
  repl: {
    summary: 'open a session: commands one after another on one store',
    load: async () => (await import('./repl.ts')).repl,
  },
}
