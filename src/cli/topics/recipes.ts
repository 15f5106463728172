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
    kv range | jq -rj '["SET", .key, .value] +
        if .expires then ["EXAT", (.expires[:19] + "Z" | fromdate | tostring)] else [] end |
      "*\(length)\r\n", (.[] | "$\(utf8bytelength)\r\n\(.)\r\n")' | redis-cli --pipe

etcd to kv
    etcdctl get '' --from-key -w json |
      jq -c '.kvs[] | {key_base64: .key, value_base64: (.value // "")}' | kv batch-put
kv to etcd
    kv range | jq -r 'if .key and .value then . else error("no text: \(.)") end |
      @sh "etcdctl put -- \(.key) \(.value)"' | sh

Consul to kv
    consul kv export | jq -c '.[] | {key, value_base64: .value}' | kv batch-put
kv to Consul
    kv range --value-encoding base64 |
      jq -s 'map({key, flags: 0, value: .value_base64})' | consul kv import -

LMDB to kv
    (printf 'key_hex\tvalue_hex\n'; mdb_dump lmdb | sed -n 's/^ //p' | paste - -) |
      kv batch-put --format tsv
kv to LMDB
    (printf '%s\n' VERSION=3 type=btree mapsize=1073741824 HEADER=END
      kv range --format tsv --key-encoding hex --value-encoding hex |
        sed 1d | cut -f 1,2 | tr '\t' '\n' | sed 's/^/ /'
      echo DATA=END) | mdb_load lmdb

SQLite to kv: each row as JSON
    sqlite3 -json shop.db 'SELECT * FROM item' | kv batch-put --format json --key 'item:{id}'
kv to SQLite: a column for each field
    kv range --prefix item: --columns id,name,price --format csv |
      sqlite3 copy.db '.import --csv /dev/stdin item'

pandas to kv
    python3 -c 'import pandas; print(pandas.read_csv("people.csv").to_json(
        orient="records", lines=True))' | kv batch-put --key 'user:{id:08}'
kv to pandas
    kv range --prefix user: --columns id,name --format csv |
      python3 -c 'import pandas, sys; print(pandas.read_csv(sys.stdin))'

DuckDB to kv
    duckdb -c "COPY (FROM 'people.parquet') TO '/dev/stdout' (FORMAT json)" |
      kv batch-put --key 'user:{id:08}'
kv to DuckDB
    kv range --prefix user: --values > users.jsonl
    duckdb people.db -c "CREATE TABLE users AS FROM 'users.jsonl'"

Commits of Git, by time
    git log --format='%H%x1f%cI%x1f%an%x1f%s' |
      kv batch-put --format csv --delimiter $'\x1f' --quote '' \
        --no-header --fields commit,time,author,subject --key 'commit:{time}:{commit}'
Files, with their bytes
    find . -type f -print0 | kv batch-put --files -0
Files, size and time of each
    find . -type f -printf '%p\t%s\t%TY-%Tm-%Td\n' |
      kv batch-put --format csv --delimiter tab --quote '' \
        --no-header --fields path,size,day --key 'file:{path}'
Users of this machine
    kv batch-put --format csv --delimiter : --quote '' --no-header \
      --fields name,password,uid,gid,comment,home,shell --key 'login:{name}' /etc/passwd
`
