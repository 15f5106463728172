import { fnv64Positive, remainder } from './fnv.ts'
import type { Random } from './random.ts'

/** The skew of YCSB's zipfian distributions. */
const THETA = 0.99

/** Items and zeta(items, 0.99) of the wide distribution that {@link ScrambledZipfian} draws from; YCSB states both. */
const WIDE_ITEMS = 10_000_000_000
const WIDE_ZETA = 26.469_028_201_783_02

/** The sum of 1/i^0.99 for i from `from` + 1 to `to`. */
function zeta(from: number, to: number): number {
  let sum = 0
  for (let i = from; i < to; i++) sum += 1 / (i + 1) ** THETA
  return sum
}

const ZETA_2 = zeta(0, 2)
const ALPHA = 1 / (1 - THETA)

/**
 * Whole numbers in [0, items), of which `i` comes up in proportion to 1/(i+1)^0.99: the method of
 * Gray et al., "Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994), as YCSB uses it.
 */
export class Zipfian {
  readonly #random: Random
  #items: number
  #zeta: number
  #eta: number

  /** @param known zeta(items, 0.99), where it is known, to save the sum */
  constructor(random: Random, items: number, known?: number) {
    this.#random = random
    this.#items = items
    this.#zeta = known ?? zeta(0, items)
    this.#eta = this.#etaNow()
  }

  /** The next number; `items` may have grown since the last. */
  next(items = this.#items): number {
    if (items > this.#items) {
      this.#zeta += zeta(this.#items, items)
      this.#items = items
      this.#eta = this.#etaNow()
    }
    const u = this.#random.fraction()
    const uz = u * this.#zeta
    if (uz < 1 || this.#items === 1) return 0
    if (uz < ZETA_2) return 1
    return Math.min(this.#items - 1, Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** ALPHA))
  }

  #etaNow(): number {
    return (1 - (2 / this.#items) ** (1 - THETA)) / (1 - ZETA_2 / this.#zeta)
  }
}

/**
 * Numbers in [0, items), some far more often than others as of {@link Zipfian}, the popular ones
 * spread over the whole range: YCSB's scrambled zipfian, which draws from ten billion and hashes.
 */
export class ScrambledZipfian {
  readonly #zipfian: Zipfian
  readonly #items: number

  constructor(random: Random, items: number) {
    this.#zipfian = new Zipfian(random, WIDE_ITEMS, WIDE_ZETA)
    this.#items = items
  }

  /** The next number. */
  next(): number {
    return remainder(fnv64Positive(this.#zipfian.next()), this.#items)
  }
}

/** Numbers in [0, items) where the highest is the most popular: YCSB's "latest" distribution. */
export class Latest {
  readonly #zipfian: Zipfian

  constructor(random: Random, items: number) {
    this.#zipfian = new Zipfian(random, items)
  }

  /** The next number while there are `items`. */
  next(items: number): number {
    return items - 1 - this.#zipfian.next(items)
  }
}
