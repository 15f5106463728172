import type { Key } from './key-decoder.ts'
import type { LineBuffer } from './line-buffer.ts'

type Edit = (buffer: LineBuffer) => void

/** The keys of every edit: those of Emacs and of every shell. */
const KEYS = {
  left: 'left ctrl-b',
  right: 'right ctrl-f',
  wordLeft: 'ctrl-left meta-left meta-b',
  wordRight: 'ctrl-right meta-right meta-f',
  lineStart: 'home ctrl-a',
  lineEnd: 'end ctrl-e',
  backspace: 'backspace ctrl-h',
  delete: 'delete ctrl-d',
  killToEnd: 'ctrl-k',
  killToStart: 'ctrl-u',
  killWordBack: 'ctrl-w',
  killNameBack: 'meta-backspace ctrl-backspace ctrl-meta-h',
  killWord: 'meta-d ctrl-delete meta-delete',
  yank: 'ctrl-y',
  undo: 'ctrl-_',
} as const satisfies Partial<Record<keyof LineBuffer, string>>

const EDITS = new Map(
  (Object.keys(KEYS) as (keyof typeof KEYS)[]).flatMap((edit) =>
    KEYS[edit].split(' ').map((key): [string, Edit] => [key, (buffer) => buffer[edit]()]),
  ),
)

/**
 * What a key does to the text; a key without a text of its own does the same with any modifier that gives it no other
 * meaning.
 */
export function editOf({ name, ctrl, meta }: Key): Edit | undefined {
  const edit = EDITS.get(`${ctrl ? 'ctrl-' : ''}${meta ? 'meta-' : ''}${name}`)
  return edit ?? (name.length > 1 ? EDITS.get(name) : undefined)
}

/** Whether a key ends a line. */
export function isEnter({ name }: Key): boolean {
  return name === 'return' || name === 'enter'
}
