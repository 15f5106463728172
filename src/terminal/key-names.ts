/**
 * What terminals send for keys that type no text: xterm, tmux and screen, the Linux console, rxvt, PuTTY, and the
 * vt100 with application cursor keys and keypad. Modifiers are told apart from the key.
 */

const FUNCTION_KEYS = [11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24]

/** `ESC [ NUMBER ~`: by number. */
export const TILDE_KEYS: Readonly<Record<string, string>> = Object.fromEntries([
  ...['home', 'insert', 'delete', 'end', 'pageup', 'pagedown', 'home', 'end'].map((name, i) => [i + 1, name]),
  ...FUNCTION_KEYS.map((number, i) => [number, `f${i + 1}`]),
])

/** `ESC [ LETTER` and `ESC O LETTER`: by letter. */
export const LETTER_KEYS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  E: 'clear',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
}

/** rxvt writes an arrow with Shift as `ESC [ a`, with Ctrl as `ESC O a`. */
export const SMALL_ARROWS: Readonly<Record<string, string>> = { a: 'up', b: 'down', c: 'right', d: 'left' }

/** `ESC O LETTER` of the keypad in application mode: what it types. */
export const KEYPAD_TEXT: Readonly<Record<string, string>> = Object.fromEntries(
  [...'jklmnopqrstuvwxyX'].map((letter, i) => [letter, '*+,-./0123456789='[i]!]),
)

/** Keys that have a byte below 32 of their own besides Ctrl and a letter. */
export const CONTROL_KEYS: Readonly<Record<number, string>> = {
  0x08: 'backspace',
  0x09: 'tab',
  0x0a: 'enter',
  0x0d: 'return',
  0x1b: 'escape',
  0x7f: 'backspace',
}
