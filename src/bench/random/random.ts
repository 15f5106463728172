/**
 * Random numbers that repeat themselves for the same seed: sfc32, the small fast chaotic generator
 * of Chris Doty-Humphrey's PractRand, its state filled from the seed by 15 idle rounds.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param stream tells apart generators that share a seed */
  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 2 ** 32) >>> 0
    this.#c = stream >>> 0
    for (let i = 0; i < 15; i++) this.uint32()
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  /** A number in [0, 1), of 32 random bits. */
  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  /** A whole number in [0, `below`), `below` at most 2^32. */
  below(below: number): number {
    return Math.floor(this.fraction() * below)
  }
}
