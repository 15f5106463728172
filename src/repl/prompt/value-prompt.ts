import { utf8 } from '../../bytes.ts'
import { KvError } from '../../errors.ts'
import type { Source } from '../../io.ts'
import { NO_HISTORY } from '../../terminal/history-cursor.ts'
import { type Assistant, NO_ASSISTANT } from '../../terminal/assistant.ts'
import { LineEditor } from '../../terminal/line-editor.ts'
import type { KeyReader } from '../../terminal/key-reader.ts'

/**
 * Standard input of a command: lines that the user types, up to Ctrl-D. Whatever else ends them throws
 * `KV_INTERRUPTED`.
 */
export function typedSource(keys: KeyReader, { edit, report }: Pick<Assistant, 'edit' | 'report'>): Source {
  const readValue = async (): Promise<Uint8Array> => {
    keys.write('the value, as lines; Ctrl-D ends it, Ctrl-X Ctrl-E opens an editor\n')
    const editor = new LineEditor(keys, NO_HISTORY, {
      ...NO_ASSISTANT,
      edit,
      report,
      endsText: 'Ctrl-D again ends the value with this line',
    })
    const lines: string[] = []
    for (;;) {
      const answer = await editor.read('| ')
      // A terminal that went away says nothing about the value.
      if (answer.type === 'interrupt' || answer.type === 'closed')
        throw new KvError('KV_INTERRUPTED', 'interrupted, nothing was done')
      if (answer.type === 'line' || answer.text !== '') lines.push(answer.text)
      if (answer.type === 'end') return utf8(lines.join('\n'))
    }
  }
  return {
    isTTY: true,
    fd: -1,
    readAll: () => keys.borrowed(readValue),
  }
}
