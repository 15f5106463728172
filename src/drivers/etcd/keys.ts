import { prefixEnd } from '../../bytes.ts'
import type { RangeQuery } from '../../store/driver/driver.ts'

/** A range as etcd takes it. */
export interface EtcdRange {
  readonly key: Uint8Array
  /** Excluded; `\0`: to the last key of the cluster. */
  readonly rangeEnd: Uint8Array
}

const TO_THE_LAST = Uint8Array.of(0)

/** The keys of one store among those of a cluster: all that begin with a prefix, which the store does not see. */
export class Keys {
  readonly prefix: Uint8Array

  constructor(prefix: Uint8Array) {
    this.prefix = prefix
  }

  /** The key in the cluster. */
  outside(key: Uint8Array): Uint8Array {
    if (this.prefix.length === 0) return key
    const whole = new Uint8Array(this.prefix.length + key.length)
    whole.set(this.prefix)
    whole.set(key, this.prefix.length)
    return whole
  }

  /** The key in the store, a view. */
  inside(key: Uint8Array): Uint8Array {
    return key.subarray(this.prefix.length)
  }

  /** The keys of a query. */
  range({ start, end }: Pick<RangeQuery, 'start' | 'end'>): EtcdRange {
    // The least key that etcd has is one byte long.
    const first = this.outside(start ?? new Uint8Array())
    return {
      key: first.length === 0 ? Uint8Array.of(0) : first,
      rangeEnd: end === undefined ? (prefixEnd(this.prefix) ?? TO_THE_LAST) : this.outside(end),
    }
  }
}

/** Whether the end of a range is that of all keys of the cluster. */
export function isLast(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0
}
