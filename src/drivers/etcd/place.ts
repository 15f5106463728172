import { asBuffer } from '../../bytes.ts'
import { kvFor, quoteWord } from '../../shell-quote.ts'
import type { User } from './cluster/login.ts'
import type { Place } from './cluster/refusals.ts'
import type { EtcdLocation } from './location.ts'

/** What errors tell of a location, and of the user who asks there. */
export function placeOf(location: string, where: EtcdLocation, user: User | undefined): Place {
  return {
    etcdctl: etcdctlFor(where, user),
    kv: (parameters, name) => kvFor(changed(location, parameters, name)),
    user: user?.name,
    ownCertificate: where.tls?.cert,
    keys: `--prefix=true ${quoteWord(asBuffer(where.prefix).toString())}`,
  }
}

/** How a command line of etcdctl begins that asks the same members, as somebody who may do everything. */
function etcdctlFor({ endpoints, tls }: EtcdLocation, user: User | undefined): string {
  const words = [`--endpoints=${endpoints.map((at) => (tls === undefined ? at : `https://${at}`)).join(',')}`]
  if (tls?.ca !== undefined) words.push(`--cacert=${tls.ca}`)
  if (tls?.cert !== undefined) words.push(`--cert=${tls.cert}`, `--key=${tls.key}`)
  if (user !== undefined) words.push('--user=root')
  return ['etcdctl', ...words].map(quoteWord).join(' ')
}

/** The location with other parameters, of which `undefined` takes one away, and perhaps another user. */
function changed(
  location: string,
  parameters: Readonly<Record<string, string | undefined>>,
  user: string | undefined,
): string {
  const [place = '', query] = location.split('?')
  const others = (query ?? '')
    .split('&')
    .filter((text) => text !== '' && !Object.hasOwn(parameters, text.split('=')[0]!))
  const added = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  const all = [...others, ...added].join('&')
  const named =
    user === undefined ? place : place.replace(/^([a-z]+:\/\/)(?:[^/@]*@)?/i, `$1${encodeURIComponent(user)}@`)
  return all === '' ? named : `${named}?${all}`
}
