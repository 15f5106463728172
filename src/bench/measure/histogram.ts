/** Bits of precision: a bucket is at most 1/128 of its values wide. */
const BITS = 7
const LINEAR = 2 ** (BITS + 1)
/** Values above this (about 73 minutes in nanoseconds) count as this. */
const LARGEST = 2 ** 42 - 1
/** Coarse buckets an octave has in {@link Histogram.coarse}. */
const COARSE_BITS = 3

/**
 * Counts of whole numbers (here: nanoseconds) in buckets whose width grows with the value, after
 * Gil Tene's HdrHistogram: exact below 256, within 0.8 % above; mean, least and greatest are exact.
 */
export class Histogram {
  readonly #counts = new Float64Array(indexOf(LARGEST) + 1)
  #count = 0
  #sum = 0
  #min = Infinity
  #max = 0

  /** Counts a value; below 0 counts as 0. */
  record(value: number): void {
    const whole = Math.min(LARGEST, Math.max(0, Math.round(value)))
    this.#counts[indexOf(whole)]! += 1
    this.#count++
    this.#sum += whole
    if (whole < this.#min) this.#min = whole
    if (whole > this.#max) this.#max = whole
  }

  /** Counts everything another histogram has counted. */
  add(other: Histogram): void {
    other.#counts.forEach((count, index) => (this.#counts[index]! += count))
    this.#count += other.#count
    this.#sum += other.#sum
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }

  /** How many values were recorded. */
  get count(): number {
    return this.#count
  }

  /** Of all values; 0 when there are none. */
  get sum(): number {
    return this.#sum
  }

  /** The mean; 0 when there are no values. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count
  }

  /** The least value; 0 when there are none. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min
  }

  /** The greatest value; 0 when there are none. */
  get max(): number {
    return this.#max
  }

  /**
   * The value that `percent` of all values are not above: the greatest of its bucket, so never less
   * than the true one and at most 0.8 % more. 0 when there are no values.
   */
  percentile(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count))
    let seen = 0
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index]!
      if (seen >= rank) return Math.min(this.#max, Math.max(this.#min, firstOf(index + 1) - 1))
    }
    return 0
  }

  /**
   * Where the values lie, eight buckets to an octave: pairs of the greatest value of a bucket and its count, empty
   * ones left out.
   */
  coarse(): [upTo: number, count: number][] {
    const merged = new Map<number, number>()
    this.#counts.forEach((count, index) => {
      if (count === 0) return
      const upTo = coarseEnd(firstOf(index))
      merged.set(upTo, (merged.get(upTo) ?? 0) + count)
    })
    return [...merged]
  }
}

function log2(value: number): number {
  return value < 2 ** 31 ? 31 - Math.clz32(value) : 31 + (31 - Math.clz32(Math.floor(value / 2 ** 31)))
}

function indexOf(value: number): number {
  if (value < LINEAR) return value
  const octave = log2(value) - BITS
  return octave * 2 ** BITS + Math.floor(value / 2 ** octave)
}

/** The least value of a bucket. */
function firstOf(index: number): number {
  if (index < LINEAR) return index
  const octave = Math.floor(index / 2 ** BITS) - 1
  return (index - octave * 2 ** BITS) * 2 ** octave
}

function coarseEnd(value: number): number {
  if (value < 2 ** COARSE_BITS) return value
  const width = 2 ** (log2(value) - COARSE_BITS)
  return (Math.floor(value / width) + 1) * width - 1
}
