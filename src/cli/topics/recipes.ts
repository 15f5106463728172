/**
 * Text of `kv help recipes`. Lines indented by four blanks and more are for bash; the line before them names what they
 * do. A test runs them all.
 */
export const RECIPES = String.raw`
Recipes: other programs and kv
Each is for bash as it stands. kv means the store of --store or KV_STORE.

Redis to kv: the strings, with the time each has left
    redis-cli --scan | xargs -d '\n' -n 500 redis-cli --raw EVAL "
      local found = {}
      for _, key in ipairs(ARGV) do
        if redis.call('TYPE', key).ok == 'string' then
          local value, left = redis.call('GET', key), redis.call('TTL', key)
          local entry = {key = key, value = value, ttl = left > 0 and left or nil}
          table.insert(found, cjson.encode(entry))
        end
      end
      return found" 0 | kv batch-put
kv to Redis
    kv range | jq -rj '["SET", .key, .value] | "*3\r\n", (.[] | "$\(utf8bytelength)\r\n\(.)\r\n")' |
      redis-cli --pipe

etcd to kv
    etcdctl get '' --from-key -w json |
      jq -c '.kvs[] | {key_base64: .key, value_base64: (.value // "")}' | kv batch-put
kv to etcd
    kv range | jq -r '@sh "etcdctl put -- \(.key) \(.value)"' | sh

Consul to kv
    consul kv export | jq -c '.[] | {key, value_base64: .value}' | kv batch-put
kv to Consul
    kv range | jq -s 'map({key, flags: 0, value: (.value | @base64)})' | consul kv import -

LMDB to kv
    (printf 'key_hex\tvalue_hex\n'; mdb_dump lmdb | sed -n 's/^ //p' | paste - -) |
      kv batch-put --format tsv
kv to LMDB
    (printf '%s\n' VERSION=3 type=btree mapsize=1073741824 HEADER=END
      kv range --format tsv --key-encoding hex --value-encoding hex |
        sed 1d | cut -f 1,2 | tr '\t' '\n' | sed 's/^/ /'
      echo DATA=END) | mdb_load lmdb

kv to pandas
    kv range --prefix user: --values |
      python3 -c 'import pandas, sys; print(pandas.read_json(sys.stdin, lines=True))'

kv to DuckDB
    kv range --prefix user: --values > users.jsonl
    duckdb people.db -c "CREATE TABLE users AS FROM 'users.jsonl'"
`
