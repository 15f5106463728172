import type { CommanderError } from 'commander'
import { type KvError, usageError } from '../../errors.ts'
import { quoteWord } from '../../shell-quote.ts'
import { otherNames, otherOption } from './synonyms.ts'

/** What the arguments of a command are, for the hint about `--`. */
const ARGUMENT: Readonly<Record<string, string>> = { put: 'value', 'batch-put': 'file', help: 'topic' }

/** Commander's refusal of a command line in the words of kv; `command` is the one that was called. */
export function wrongCall({ code, message }: CommanderError, command: string | undefined): KvError {
  const [, text = '', suggestion] = /^(?:error: )?([^]*?)(?:\n\(Did you mean ([^]*)\?\))?$/.exec(message) ?? []
  const named = /'([^]*)'/.exec(text)?.[1] ?? ''
  const didYouMean = suggestion === undefined ? '' : `did you mean ${suggestion}?`
  const help =
    command === undefined ? 'kv --help lists commands and options' : `kv ${command} --help shows how it is called`
  switch (code) {
    case 'commander.unknownOption':
      return usageError(
        `unknown option ${named}`,
        [otherOption(named, command) ?? didYouMean, endOfOptions(named, command)].filter(Boolean).join('; '),
      )
    case 'commander.unknownCommand':
      return usageError(
        `unknown command ${named || '""'}`,
        otherNames(named) ?? (didYouMean || 'kv --help lists the commands'),
      )
    case 'commander.missingArgument':
      return usageError(`missing argument ${named}`, help)
    case 'commander.optionMissingArgument':
      return usageError(`${named.split(/[ ,]/)[0]} needs a value`, help)
    case 'commander.excessArguments': {
      const [, most, got] = /Expected (\d+) arguments? but got (\d+)/.exec(text) ?? []
      return usageError(
        `too many arguments: ${command ?? 'kv'} takes ${most === '0' ? 'none' : `at most ${most}`}, not ${got}`,
        `what holds blanks needs quotes; ${help}`,
      )
    }
    default:
      return usageError(text, help)
  }
}

function endOfOptions(word: string, command: string | undefined): string {
  if (command === undefined) return 'kv --help lists the options; -- ends them'
  if (command === 'lock') return `the command stands after --: kv lock NAME -- CMD ${quoteWord(word)}`
  return `if it is a ${ARGUMENT[command] ?? 'key'}, it stands after --: kv ${command}${command === 'put' ? ' KEY' : ''} -- ${quoteWord(word)}`
}
