import type { Command, Option } from 'commander'

/**
 * The words of a command line in the form in which commander takes them from both sides of a command: short
 * flags written together (`-yq`) each by itself, and a call for help, wherever it stands, behind the command.
 * Words behind `--`, and the value of an option, stay as they are.
 */
export function separated(argv: readonly string[], program: Command, command: Command | undefined): string[] {
  const options = [...program.options, ...(command?.options ?? [])]
  const option = (word: string): Option | undefined => options.find(({ short, long }) => word === short || word === long)
  const words: string[] = []
  let asksHelp = false
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
    if (!together && option(word)?.required && i + 1 < argv.length) words.push(argv[++i]!)
  }
  return asksHelp ? [command!.name(), '--help'] : words
}
