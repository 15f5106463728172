import { readPosixLine } from './posix-line.ts'
import type { Shell } from './shell.ts'
import script from './kv.zsh?raw'

/**
 * What the script sends: the line up to the cursor. The answer: `files`, or for each suggestion `done` or `more` (no
 * blank follows), the word, which zsh quotes, and what is shown; each ends with a NUL.
 */
export const zsh: Shell = {
  script,
  read([line = ''], env) {
    const { words, typed } = readPosixLine(line, env)
    return {
      words: words.slice(1),
      word: typed.text,
      isTarget: typed.isTarget,
      answer: ({ isFile, list }) =>
        isFile
          ? 'files\0'
          : list
              .filter(({ text }) => !text.includes('\0'))
              .map(({ text, label, note, final }) => {
                const shown = note === '' ? label : `${label}  -- ${note}`
                return `${final ? 'done' : 'more'}\0${text}\0${shown}\0`
              })
              .join(''),
    }
  },
}
