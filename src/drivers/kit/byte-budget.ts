import { KvError } from '../../errors.ts'

/** Gives a function that adds up bytes, and throws `KV_TOO_LARGE` when they are more than `maxBytes`. */
export function withinBytes(maxBytes = Infinity): (bytes: number) => void {
  let sum = 0
  return (bytes) => {
    sum += bytes
    if (sum > maxBytes) {
      const message = `the entries asked for are over the limit of ${maxBytes} bytes for one answer`
      throw new KvError('KV_TOO_LARGE', message, { hint: 'ask for fewer keys at a time' })
    }
  }
}
