import type { Shell } from './shell.ts'
import script from './kv.fish?raw'

/**
 * What the script sends: the words, the one being typed last. The answer: `files`, or `list` and a line for each
 * suggestion, the word, which fish quotes, and after a tab what it is.
 */
export const fish: Shell = {
  script,
  read: (sent) => ({
    words: sent.slice(0, -1),
    word: sent.at(-1) ?? '',
    isTarget: false,
    answer: ({ isFile, list }) =>
      isFile
        ? 'files\n'
        : `list\n${list
            // A line has no way to hold these.
            .filter(({ text }) => !/[\u0000-\u001f\u007f-\u009f]/.test(text))
            .map(({ text, note }) => `${text}\t${note}\n`)
            .join('')}`,
  }),
}
