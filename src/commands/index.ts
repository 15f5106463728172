import type { CommandEntry } from '../cli/program.ts'

/** The only list of commands, in the order of the help text. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  get: { summary: 'print the value of a key', load: async (ctx) => (await import('./get.ts')).get(ctx) },
  put: { summary: 'store a value under a key', load: async (ctx) => (await import('./put.ts')).put(ctx) },
  range: { summary: 'print entries in key order', load: async (ctx) => (await import('./range.ts')).range(ctx) },
  'batch-put': {
    summary: 'store many entries from files or a pipe',
    load: async (ctx) => (await import('./batch-put.ts')).batchPut(ctx),
  },
  del: { summary: 'delete keys', load: async (ctx) => (await import('./del.ts')).del(ctx) },
  count: { summary: 'count keys', load: async (ctx) => (await import('./count.ts')).count(ctx) },
  watch: { summary: 'print changes as they happen', load: async (ctx) => (await import('./watch.ts')).watch(ctx) },
  ttl: { summary: 'print how long a key will live', load: async (ctx) => (await import('./ttl.ts')).ttl(ctx) },
  stat: { summary: 'print facts about the store', load: async (ctx) => (await import('./stat.ts')).stat(ctx) },
  check: {
    summary: 'verify every entry and the file itself',
    load: async (ctx) => (await import('./check.ts')).check(ctx),
  },
  bench: { summary: 'measure how fast a store is here', load: async (ctx) => (await import('./bench.ts')).bench(ctx) },
  serve: { summary: 'serve the store over HTTP', load: async (ctx) => (await import('./serve.ts')).serve(ctx) },
  peek: {
    summary: 'print what a value is, with its head and tail',
    load: async (ctx) => (await import('./peek.ts')).peek(ctx),
  },
  pick: {
    summary: 'search a key while typing, and print its entry',
    load: async (ctx) => (await import('./pick.ts')).pick(ctx),
  },
  repl: {
    summary: 'open a session: commands one after another on one store',
    load: async (ctx) => (await import('./repl.ts')).repl(ctx),
  },
}
