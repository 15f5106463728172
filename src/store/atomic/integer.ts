import { decodeUtf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import { quoteWord } from '../../shell-quote.ts'

const MOST = 2n ** 63n - 1n
const LEAST = -(2n ** 63n)

/** An integer of at most 64 bits from its decimal text, which may have a sign; `undefined` for any other text. */
export function integerOf(text: string): bigint | undefined {
  const number = /^[+-]?\d{1,40}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
  return number !== undefined && fits(number) ? number : undefined
}

/** Whether an integer has at most 64 bits. */
export function fits(number: bigint): boolean {
  return number >= LEAST && number <= MOST
}

/** What a key counts up to. Throws `KV_NOT_INTEGER` where its value is none, or the sum has more than 64 bits. */
export function sum(key: Uint8Array, old: Uint8Array | undefined, by: bigint): bigint {
  const number = old === undefined ? 0n : integerOf(decodeUtf8(old) ?? '')
  if (number === undefined) {
    const message = `the value of ${displayKey(key)} is not an integer of 64 bits: ${displayKey(old!.subarray(0, 100))}`
    const name = decodeUtf8(key)
    const hint = name === undefined ? undefined : `to count from 0: kv put -- ${quoteWord(name)} 0`
    throw new KvError('KV_NOT_INTEGER', message, { hint })
  }
  const total = number + by
  if (fits(total)) return total
  throw new KvError('KV_NOT_INTEGER', `${number} and ${by} make more than 64 bits; ${displayKey(key)} is left as it is`)
}
