import type { Shell } from './shell.ts'
import script from './kv.ps1?raw'

/**
 * What the script sends: the words, the one being typed last, joined by NULs and in base64, since the versions of
 * PowerShell pass quotes and empty words each in their way. The answer: `null` for a file, or a list, as JSON in ASCII.
 */
export const powershell: Shell = {
  script,
  read([sent = '']) {
    const words = Buffer.from(sent, 'base64').toString().split('\0')
    return {
      words: words.slice(0, -1),
      word: words.at(-1)!,
      isTarget: false,
      answer: ({ isFile, list }) => {
        const items = list
          .filter(({ text }) => !/[\u0000-\u001f\u007f-\u009f]/.test(text))
          .map(({ text, label, note }) => ({ text: quoted(text), label, note: note === '' ? label : note }))
        return `${JSON.stringify(isFile ? null : items).replaceAll(/[^\u0000-\u007e]/g, escaped)}\n`
      },
    }
  },
}

/** A word as PowerShell reads it back: it takes typographic quotes for quotes. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_:./=+-]+$/.test(text) ? text : `'${text.replaceAll(/['\u2018-\u201b]/g, '$&$&')}'`
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
