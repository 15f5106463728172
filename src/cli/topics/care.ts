/** `kv help care`: in short what README.md has under "Taking care of a store". */
export const CARE_TOPIC = String.raw`
Care of a store
Backup   whole or not at all, at one moment, while others write
           kv backup monday.kv && kv check --store monday.kv
           kv backup - | gzip > monday.kv.gz
Restore  checked first; the store that was there is kept as NAME.before-restore
           kv restore monday.kv
           kv copy monday.kv app.kv --prefix user:          a part of it
Move     entries, and with --follow every change from then on
           kv backup - | ssh host kv restore --store app.kv -
           kv copy app.kv http://host:8003 --follow
Look     who else has the file open, its log, what kv compact would free
           kv stat
Full     what exited 0 is kept; of a write that failed there is nothing. Space
         of deleted entries is used again. To make the file smaller, with as
         much free space beside it as its entries take:
           kv compact
Damage   every entry and the file; --quick: the structure of the file alone
           kv check
           kv salvage saved.kv && kv restore saved.kv       or restore a backup

From cron, with PATH, MAILTO and KV_STORE set in the crontab. In it % is written
\%. Nothing is printed, and so nothing mailed, unless it fails:
  5 3 * * *  cd /var/backups/app && kv backup --force app-$(date +\%F).kv

Never copy a store in use by cp or rsync: its newest writes are in app.kv-wal,
and the copy may mix two moments. Never remove app.kv-wal or app.kv-shm, nor
copy a file over a store. Not on network file systems, nor in folders that sync.
`
