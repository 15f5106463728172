import type { Command, Option } from 'commander'
import { type KvError, usageError } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'

/**
 * Options whose empty value says something (a bound of a range, a value, nothing), and one that is refused in words of
 * its own.
 */
const MAY_BE_EMPTY = new Set(['--prefix', '--after', '--default', '--if-value', '--store', '--quote'])

/**
 * The words of a command line as commander takes them on both sides of a command: short flags written together (`-yq`)
 * are split, and a call for help, wherever it stands, follows the command. Throws `KV_USAGE` where an option has lost
 * its value, as an empty variable of a script does it.
 */
export function separated(argv: readonly string[], program: Command, command: Command | undefined): string[] {
  const options = [...program.options, ...(command?.options ?? [])]
  const option = (word: string): Option | undefined =>
    options.find(({ short, long }) => word === short || word === long)
  const words: string[] = []
  let asksHelp = false
  let refusal: KvError | undefined
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === '--') {
      words.push(...argv.slice(i))
      break
    }
    const flags = /^-[A-Za-z0-9]{2,}$/.test(word) ? [...word.slice(1)].map((letter) => `-${letter}`) : []
    const together = flags.length > 0 && flags.every((flag) => flag === '-h' || option(flag)?.required === false)
    for (const part of together ? flags : [word]) {
      if (command !== undefined && (part === '-h' || part === '--help')) asksHelp = true
      else words.push(part)
    }
    if (together) continue
    const [name, joined] = splitOption(word)
    if (!option(name)?.required) continue
    if (joined === undefined && i + 1 < argv.length) {
      const value = argv[++i]!
      words.push(value)
      const isOption =
        value === '--' || value === '-h' || value === '--help' || option(splitOption(value)[0]) !== undefined
      if (isOption)
        refusal ??= usageError(
          `${name} needs a value, and ${value} is an option`,
          `for that very text: ${name}=${quoteWord(value)}`,
        )
    }
    if ((joined ?? argv[i]) === '' && !MAY_BE_EMPTY.has(name))
      refusal ??= usageError(`${name} needs a value, not an empty word`)
  }
  if (refusal !== undefined && !asksHelp) throw refusal
  return asksHelp ? [command!.name(), '--help'] : words
}

/** `--name=value` taken apart. */
function splitOption(word: string): [name: string, value: string | undefined] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}
