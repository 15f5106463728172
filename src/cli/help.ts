import { Command } from 'commander'
import { buildProgram } from './program.ts'
import type { Context } from './context.ts'
import { usageError } from '../errors.ts'
import { COMMANDS } from '../commands/index.ts'
import { TOPICS } from './topics.ts'

/** `kv help [TOPIC]` */
export function help(ctx: Context): Command {
  return new Command('help')
    .summary('explain a command or a topic')
    .description(`Explain a command, or a topic: ${Object.keys(TOPICS).join(', ')}.`)
    .argument('[TOPIC]')
    .action(async (topic: string | undefined) => {
      if (topic === undefined) return (await buildProgram(ctx, [])).outputHelp()
      if (Object.hasOwn(TOPICS, topic)) return ctx.io.stdout.write(`${TOPICS[topic]!.trim()}\n`)
      if (!Object.hasOwn(COMMANDS, topic)) {
        throw usageError(
          `no help on ${topic}`,
          `topics: ${Object.keys(TOPICS).join(' ')}; commands: ${Object.keys(COMMANDS).join(' ')}`,
        )
      }
      const program = await buildProgram(ctx, [topic])
      program.commands.find((command) => command.name() === topic)!.outputHelp()
    })
}
