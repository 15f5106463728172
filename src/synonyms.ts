/** What people of redis-cli, etcdctl, sqlite3 and shells write, in any case, and the command line of kv that does it. */
const COMMANDS: readonly (readonly [words: string, use: string])[] = [
  ['put set add insert update upsert store write save setex setnx', 'kv put KEY VALUE'],
  ['get fetch read show cat print lookup mget', 'kv get KEY'],
  ['del rm remove delete unset unlink erase drop clear', 'kv del KEY'],
  ['flushall flushdb truncate', 'kv del --all'],
  ['ls list keys dir', 'kv range --keys'],
  ['range scan all entries select', 'kv range'],
  ['dump export', 'kv range > FILE'],
  ['batch-put import load mset restore batch', 'kv batch-put FILE'],
  ['count size len length dbsize wc', 'kv count'],
  ['exists has', 'kv count KEY KEY'],
  ['stat info status stats', 'kv stat'],
  ['check verify fsck validate integrity', 'kv check'],
  ['find search grep', 'kv range --prefix PREFIX'],
  ['watch subscribe monitor tail follow psubscribe', 'kv watch KEY'],
  ['ttl pttl', 'kv ttl KEY'],
  ['serve server http listen', 'kv serve'],
  ['repl shell cli console session interactive', 'kv repl'],
  ['version', 'kv --version'],
  ['bench benchmark', 'kv bench'],
]

const BY_WORD = new Map(COMMANDS.flatMap(([words, use]) => words.split(' ').map((word) => [word, use] as const)))

/** The hint for a command that kv knows under another name, `undefined` for any other word. */
export function otherNames(word: string): string | undefined {
  const use = BY_WORD.get(word.toLowerCase())
  return use === undefined ? undefined : `that is: ${use}`
}
