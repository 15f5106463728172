/**
 * What people of redis-cli, etcdctl, sqlite3 and shells write, in any case, and the command line of kv that does it.
 */
const COMMANDS: readonly (readonly [words: string, use: string])[] = [
  ['put set add insert update upsert store write save setex setnx', 'kv put KEY VALUE'],
  ['get fetch read show cat print lookup mget', 'kv get KEY'],
  ['del rm remove delete unset unlink erase drop clear', 'kv del KEY'],
  ['flushall flushdb truncate', 'kv del --all'],
  ['ls list dir ll tree', 'kv ls PREFIX'],
  ['du ncdu sizes usage bigkeys memory', 'kv du PREFIX'],
  ['keys', 'kv range --keys'],
  ['range scan all entries select', 'kv range'],
  ['dump export', 'kv range > FILE'],
  ['batch-put import load mset batch', 'kv batch-put FILE'],
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
  ['completion completions autocomplete complete', 'kv completion SHELL'],
  ['help man ?', 'kv --help'],
  ['exit quit', '.exit, within a session (kv repl)'],
  ['expire pexpire touch expireat setttl', 'kv expire KEY TTL'],
  ['persist unexpire', 'kv persist KEY'],
  ['incr incrby increment add-to counter', 'kv incr KEY [BY]'],
  ['decr decrby decrement', 'kv incr KEY -1'],
  ['lock flock mutex lease exclusive setlock', 'kv lock NAME -- CMD'],
  ['unlock', 'kv del NAME --if-value OWNER'],
  ['restore recover rollback', 'kv restore FILE'],
  ['compact vacuum optimize defrag shrink gc bgrewriteaof', 'kv compact'],
  ['salvage repair rescue fix', 'kv salvage FILE'],
  ['backup snapshot save bgsave hotcopy', 'kv backup FILE'],
  ['rename mv move ren renamenx', 'kv rename OLD NEW'],
  ['history log versions revisions audit blame', 'kv history KEY'],
  ['revert undelete undo restore-key', 'kv revert KEY'],
  ['diff compare cmp', 'kv diff A B'],
  ['copy cp clone sync replicate', 'kv copy SRC DST'],
]

const BY_WORD = new Map(COMMANDS.flatMap(([words, use]) => words.split(' ').map((word) => [word, use] as const)))

/** Options of such programs, and of kv's other commands, with what does it; of one command before those of any. */
const OPTIONS: readonly (readonly [command: string, words: string, use: string])[] = [
  [
    'put',
    '--ex --px --expire --expires --expiry --expiration --timeout-in --lifetime -t',
    '--ttl TIME, such as --ttl 60s',
  ],
  ['put', '--nx --no-clobber --if-not-exists --create', '--if-absent'],
  ['put', '-f --input --from-file', '--file FILE'],
  ['del', '-f --force --no-confirm --assume-yes', '--yes'],
  ['del', '-r -R -rf --recursive', '--prefix PREFIX'],
  ['del', '-n --simulate', '--dry-run'],
  ['del', '--if-exists --missing-ok --ignore-not-found', '--ignore-missing'],
  ['del', '--if-equals --expect --if-match', '--if-value VALUE, or --if-revision N'],
  ['put', '--if-equals --expect --cas --if-match --if-version', '--if-value VALUE, or --if-revision N'],
  ['put', '--keepttl --keep-expiry', '--keep-ttl'],
  ['del', '--from --to --start --end', '--range START END'],
  ['ls', '-1 --name-only --keys', '--names'],
  ['ls', '-d --separator --sep', '--delimiter TEXT'],
  ['ls', '-r -R --recursive', 'kv range --prefix PREFIX --keys'],
  ['ls', '--prefix --match --glob --pattern --starts-with', 'kv ls PREFIX'],
  ['ls', '-l --long -la -al -lh --count --size', '--format table, or --json'],
  ['ls', '--depth --max-depth --levels', 'kv du PREFIX --depth N'],
  ['ls', '-n --max --head --top --first', '--limit N'],
  ['du', '--prefix --match --glob --pattern --starts-with', 'kv du PREFIX'],
  ['du', '-d --max-depth --levels', '--depth N'],
  ['du', '-s --summarize --total', '--depth 0'],
  ['du', '-a --all --files', '--keys'],
  ['du', '-n --head --limit --biggest', '--top N'],
  ['history', '--on --enable --start', 'kv history on'],
  ['history', '--off --disable --stop --clear', 'kv history off'],
  ['history', '-n --max-count --head --last', '--limit N'],
  ['history', '--max --versions --max-versions --retain', '--keep N'],
  ['history', '--at --to --rev --revision', 'kv get KEY --at MOMENT'],
  ['revert', '--at --rev --revision --version-id --as-of --time', '--to MOMENT'],
  ['revert', '-n --dry', '--dry-run'],
  ['get', '--to --rev --revision --version-id --as-of --time', '--at MOMENT'],
  ['rename', '-f --overwrite --replace', '--force'],
  ['lock', '-w --timeout-in --wait-for --conflict-timeout', '--wait TIME'],
  ['lock', '-n -nb --nb --nonblock --no-wait', '--wait 0'],
  ['batch-put', '-f --file --input', 'kv batch-put FILE'],
  ['batch-put', '--skip --ignore-errors --continue', '--on-error skip'],
  ['batch-put', '--transaction --tx', '--atomic'],
  ['batch-put', '--nx --no-clobber --if-not-exists --skip-existing --ignore', '--if-absent'],
  ['watch', '-n --max', '--limit N'],
  ['watch', '--since --from --resume --cursor --start-revision --rev --last-id', '--after POSITION'],
  ['watch', '--existing --snapshot --list --init', '--initial'],
  ['watch', '--exec -x --command --run', 'kv watch KEY -- CMD'],
  ['watch', '--debounce --coalesce --newest', '--latest, with -- CMD'],
  ['range', '--keys-only --keys_only --only-keys', '--keys'],
  ['range', '--values-only --print-value-only --only-values', '--values'],
  ['range', '-z --null --print0', '-0'],
  ['range', '-c', '--count'],
  ['batch-put', '--id --pk --primary-key --key-field --key-column', '--key FIELD'],
  ['batch-put', '--path --jq --root --lines-path', '--at FIELD'],
  ['batch-put', '--sep --separator --fs --ifs -t -F', '--delimiter CHAR'],
  ['batch-put', '--noheader --no-headers --headerless --implicit-csv-header', '--no-header'],
  ['batch-put', '--headers --names --header', '--fields NAMES, with --no-header'],
  ['batch-put', '--ignore --ignore-existing --skip-existing --insert', '--if-absent'],
  ...['range', 'count'].flatMap((command): (readonly [string, string, string])[] => [
    [command, '--from --to --start --end --gte --lte --min', `kv ${command} START END`],
    [command, '--match --pattern --glob --like --starts-with -p', '--prefix PREFIX'],
    [command, '-n --max --head --top --first --limits', '--limit N'],
    [command, '--offset --skip --cursor --start-after --from-key', '--after KEY'],
    [command, '-r --desc --descending --order --rev', '--reverse'],
  ]),
  ...['range', 'get'].flatMap((command): (readonly [string, string, string])[] => [
    [command, '--fields --cols --column --select --cut', '--columns NAMES'],
    [command, '--jq --path --json-path --jsonpath --extract', '--field FIELD'],
    [command, '--tmpl --printf --go-template --fmt -t', '--template TEXT'],
  ]),
  ['', '--db --database --path -s -d', '--store FILE'],
  ['', '-f --file', '--store FILE'],
  ['', '--raw -r', '--format raw'],
  ['', '-o --output --out --write-out -w', '--format FORMAT, or > FILE'],
  ['', '-j --jsonl', '--json'],
  ['', '--csv --tsv --table --pretty', '--format csv, and so on'],
  ['', '-v --verbose', '--debug, or --version'],
  ['', '--silent -s --no-progress', '--quiet'],
]

const BY_OPTION = new Map(
  OPTIONS.toReversed().flatMap(([command, words, use]) =>
    words.split(' ').map((word) => [`${command} ${word}`, use] as const),
  ),
)

/** The hint for an option that kv knows under another name, `undefined` for any other word. */
export function otherOption(word: string, command: string | undefined): string | undefined {
  const name = word.replace(/=.*/s, '')
  const use = BY_OPTION.get(`${command ?? ''} ${name}`) ?? BY_OPTION.get(` ${name}`)
  return use === undefined ? undefined : `that is: ${use}`
}

/** The hint for a command that kv knows under another name, `undefined` for any other word. */
export function otherNames(word: string): string | undefined {
  const use = BY_WORD.get(word.toLowerCase())
  return use === undefined ? undefined : `that is: ${use}`
}
