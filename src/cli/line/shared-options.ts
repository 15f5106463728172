import { Option } from 'commander'
import { ENCODINGS } from '../../bytes.ts'
import { oneOf } from '../../errors.ts'

/** An option whose value is one of a few words, the first being the default. */
export function choiceOption(flags: string, description: string, choices: readonly string[]): Option {
  const name = flags.split(' ')[0]!
  const [first, ...others] = choices
  const listed = [`${first} (default)`, ...others.slice(0, -1)].join(', ')
  const option = new Option(flags, `${description}: ${listed} or ${others.at(-1)}`)
    .default(first)
    .argParser((text: string) => oneOf(choices, text, `${name} cannot be ${text}`))
  // For completion; the parser above refuses in words of our own.
  option.argChoices = [...choices]
  return option
}

/** How keys or values are written in arguments, input and output. */
export function encodingOption(of: 'key' | 'value'): Option {
  return choiceOption(`--${of}-encoding <encoding>`, `how ${of}s are written`, ENCODINGS)
}

/** `--no-sync` of a command that writes. */
export function syncOption(): Option {
  return new Option('--no-sync', 'do not wait for the disk: faster, and a power loss can take the newest writes')
}
