/** `kv help etcd`: what the location of a store in a cluster may have, and what such a store gives. */
export const ETCD_TOPIC = String.raw`
Stores in etcd
  etcd://HOST[:PORT][,HOST...][/PREFIX][?PARAMETER[=VALUE][&...]]     port 2379

  kv --store etcd://h1,h2,h3/app get user:1
  KV_STORE='etcd://ann@h1,h2,h3/app?ca=ca.pem' kv range --prefix user:

Name several members: when one dies, the others are asked. The keys of the store
are those of the cluster that begin with PREFIX/; no others are seen or changed.
Values lie as they were put: etcdctl get app/user:1 prints them.

Parameters
  tls                    TLS, with the certificates that Node trusts
  ca=FILE                TLS, with these certificates (PEM)
  cert=FILE&key=FILE     the certificate that kv shows, and its key
  password-file=FILE     the password of USER in etcd://USER@HOST; else it is
                         that of KV_PASSWORD_FILE, or asked for
  max-txn-ops=N          when the members run with --max-txn-ops=N
  max-request-bytes=N    when the members run with --max-request-bytes=N
  try-timeout=2s         how long one member may take; --timeout is for all
A percent sign is written %25, a question mark in PREFIX %3F.

It gives
  the same small data on several machines: what exited 0 is on most of them, and
  no such write is lost when one dies; watches that go on at another member
It does not give
  more data than one machine has: etcd suggests 8 GiB at most
  backups, compaction and old versions by kv: etcdctl snapshot save and compact,
  or a copy of the entries:
    kv copy etcd://h1,h2,h3/app copy.kv

A put whose answer is lost is settled by reading. What cannot be settled ends
with KV_UNKNOWN_OUTCOME, exit 4: it may or may not have been applied, all or
nothing. At most 128 operations and 1.5 MiB are one step; a longer batch-put
goes in several. Times to live end at full seconds by the clock of who reads:
keep the clocks of the machines together.
`
