/** `kv help durability` */
export const DURABILITY_TOPIC = `
Durability
  When a command that writes exits 0, its writes are on disk: a power loss after that loses
  nothing. --no-sync gives that up for speed; the store itself stays whole.
  A batch-put that stops at a bad record has stored every record before it and none after.
  Records of a live pipe are stored within a second; those of a long input, which come
  quickly and in no order, are sorted in a temporary file beside the store and stored in the
  end, so an interrupted or killed load of them may have stored nothing. Run it again.
  Several processes may use one file at once: readers never wait, a writer waits for another
  at most --lock-timeout. Not on network file systems: they do not share memory between hosts.
`
