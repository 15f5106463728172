const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BRACKET = 0x5b
const BRACE = 0x7b

/** Whether a text in JSON has more members, elements and nested values than `limit`, without parsing it. */
export function hasMoreElements(json: Buffer, limit: number): boolean {
  let parts = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!
    if (byte === QUOTE) {
      at = endOfString(json, at)
      if (at < 0) return false
    } else if ((byte === COMMA || byte === BRACKET || byte === BRACE) && ++parts > limit) {
      return true
    }
  }
  return false
}

/** Where the quote stands that ends the string which begins at `start`; -1 without one. */
function endOfString(json: Buffer, start: number): number {
  for (let at = json.indexOf(QUOTE, start + 1); at >= 0; at = json.indexOf(QUOTE, at + 1)) {
    let escapes = 0
    while (json[at - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return at
  }
  return -1
}
