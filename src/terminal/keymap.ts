import type { Key } from './key-decoder.ts'
import type { LineBuffer } from './line-buffer.ts'

type Edit = (buffer: LineBuffer) => void

/** What keys do to the text: those of Emacs and of every shell. */
const EDITING: Readonly<Record<string, Edit>> = {
  left: (buffer) => buffer.left(),
  'ctrl-b': (buffer) => buffer.left(),
  right: (buffer) => buffer.right(),
  'ctrl-f': (buffer) => buffer.right(),
  'ctrl-left': (buffer) => buffer.wordLeft(),
  'meta-left': (buffer) => buffer.wordLeft(),
  'meta-b': (buffer) => buffer.wordLeft(),
  'ctrl-right': (buffer) => buffer.wordRight(),
  'meta-right': (buffer) => buffer.wordRight(),
  'meta-f': (buffer) => buffer.wordRight(),
  home: (buffer) => buffer.lineStart(),
  'ctrl-a': (buffer) => buffer.lineStart(),
  end: (buffer) => buffer.lineEnd(),
  'ctrl-e': (buffer) => buffer.lineEnd(),
  backspace: (buffer) => buffer.backspace(),
  'ctrl-h': (buffer) => buffer.backspace(),
  delete: (buffer) => buffer.delete(),
  'ctrl-d': (buffer) => buffer.delete(),
  'ctrl-k': (buffer) => buffer.killToEnd(),
  'ctrl-u': (buffer) => buffer.killToStart(),
  'ctrl-w': (buffer) => buffer.killWordBack(),
  'meta-backspace': (buffer) => buffer.killNameBack(),
  'ctrl-meta-h': (buffer) => buffer.killNameBack(),
  'meta-d': (buffer) => buffer.killWord(),
  'ctrl-delete': (buffer) => buffer.killWord(),
  'meta-delete': (buffer) => buffer.killWord(),
  'ctrl-backspace': (buffer) => buffer.killNameBack(),
  'ctrl-y': (buffer) => buffer.yank(),
  'ctrl-_': (buffer) => buffer.undo(),
}

/**
 * What a key does to the text; a key without a text of its own does the same with any modifier that gives it no other
 * meaning.
 */
export function editOf({ name, ctrl, meta }: Key): Edit | undefined {
  const edit = (full: string): Edit | undefined => (Object.hasOwn(EDITING, full) ? EDITING[full] : undefined)
  return edit(`${ctrl ? 'ctrl-' : ''}${meta ? 'meta-' : ''}${name}`) ?? (name.length > 1 ? edit(name) : undefined)
}
