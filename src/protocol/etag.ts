/** Entity tags of entries (RFC 9110, section 8.8.3). */

/** An `ETag`: the revision, and the checksum, since a store put back from a copy repeats revisions. */
export function etag(revision: number, checksum: number): string {
  return `"${revision}-${checksum.toString(16).padStart(8, '0')}"`
}

/** The revision in an `ETag`, or `undefined` when it is none of ours. */
export function revisionOf(tag: string): number | undefined {
  const digits = /^"(\d{1,16})-[0-9a-f]{8}"$/.exec(tag.trim())?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The tags of `If-Match`; `'*'` for whatever is there. */
export type TagList = '*' | ReadonlySet<string>

/** An ETag, and what may stand before it in a list (RFC 9110, section 8.8.3). */
const TAG = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y

/** The tags of a list, weak ones with their `W/`; `undefined` when it is none. */
export function tagsOf(list: string): TagList | undefined {
  if (list.trim() === '*') return '*'
  const tags = new Set<string>()
  const end = list.replace(/[ \t,]+$/, '').length
  TAG.lastIndex = 0
  while (TAG.lastIndex < end) {
    const tag = TAG.exec(list)?.[1]
    if (tag === undefined) return undefined
    tags.add(tag)
  }
  return tags.size === 0 ? undefined : tags
}

/** A revision as it stands in a header; `undefined` when it is none. */
export function revisionFrom(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined
}
