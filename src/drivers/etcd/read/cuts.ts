import { compareBytes, successor } from '../../../bytes.ts'
import { isLast } from '../keys.ts'
import { sharedLength } from './forward.ts'

/** Bytes of all cuts: each is sent twice, and a request has its limit. */
const CUT_BYTES = 300_000
/** Cuts that divide evenly what is left of the bytes at one place in a key. */
const SPREAD = 12
/** Of the bytes that follow, each is a cut: as many as there are letters. */
const MOST_SINGLE = 26
/** Places in a key that are cut one after the other; then each is twice as far from the one before. */
const PLACES = 24

/**
 * Keys that divide what lies between the first key of a range and its end into windows, in order and without the first key:
 * so that wherever the other keys lie, many a window has some of them. None when nothing lies between.
 *
 * @param most how many keys at most
 */
export function cutsBetween(first: Uint8Array, rangeEnd: Uint8Array, most: number): Uint8Array[] {
  const end = isLast(rangeEnd) ? undefined : rangeEnd
  const cuts: Uint8Array[] = []
  let bytes = 0
  const add = (cut: Uint8Array): void => {
    if (cuts.length >= most || (end !== undefined && compareBytes(cut, end) >= 0)) return
    bytes += cut.length
    if (cuts.length === 0 || bytes <= CUT_BYTES) cuts.push(cut)
  }
  /** Cuts that begin as the first key does, and go on with each of some bytes. */
  const addAt = (place: number, from: number, to: number, step: number): void => {
    for (let byte = from; byte <= to; byte += step) {
      const cut = new Uint8Array(place + 1)
      cut.set(first.subarray(0, place))
      cut[place] = byte
      add(cut)
    }
  }
  add(successor(first))
  const { shared, last } = sharedByAll(first, end)
  const places = placesAfter(shared, first.length)
  const single = Math.min(MOST_SINGLE, Math.max(1, Math.floor((most - 2 * SPREAD) / places.length)))
  for (const place of places) {
    const from = (first[place] ?? 0) + 1
    const to = place === shared ? last : 0xff
    addAt(place, from, Math.min(to, from + single - 1), 1)
    if (place === shared || place === first.length)
      addAt(place, from + single, to, Math.max(1, Math.ceil((to - from - single + 1) / SPREAD)))
  }
  return cuts.sort(compareBytes).filter((cut, i) => i === 0 || compareBytes(cuts[i - 1]!, cut) < 0)
}

/** How many bytes all keys of a range share, and the last byte that may follow. */
function sharedByAll(first: Uint8Array, end: Uint8Array | undefined): { shared: number; last: number } {
  if (end === undefined) return { shared: 0, last: 0xff }
  const shared = sharedLength(first, end)
  const last = end[shared]!
  const isPrefixEnd = shared < first.length && end.length === shared + 1 && first[shared]! + 1 === last
  return isPrefixEnd ? { shared: shared + 1, last: 0xff } : { shared, last }
}

/** Places in a key from the first at which keys differ to its end. */
function placesAfter(shared: number, length: number): number[] {
  const places: number[] = []
  for (let place = shared, gap = 1; place < length; place += gap) {
    places.push(place)
    if (places.length > PLACES) gap *= 2
  }
  places.push(length)
  return places
}
