import { Command } from 'commander'
import { usageError } from '../errors.ts'
import type { Context } from './context.ts'
import { TOPICS } from './topics.ts'

/** `kv help [TOPIC]` */
export function help(ctx: Context): Command {
  const { commands } = ctx.program
  return new Command('help')
    .description(`Explain a command, or a topic: ${Object.keys(TOPICS).join(', ')}.`)
    .argument('[TOPIC]')
    .action(async (topic: string | undefined) => {
      if (topic === undefined) return (await ctx.program.build(ctx, [])).outputHelp()
      if (Object.hasOwn(TOPICS, topic)) return ctx.io.stdout.write(`${TOPICS[topic]!.trim()}\n`)
      if (Object.hasOwn(commands, topic)) {
        const program = await ctx.program.build(ctx, [topic])
        return program.commands.find((command) => command.name() === topic)!.outputHelp()
      }
      const text = ctx.session?.help(topic)
      if (text === undefined)
        throw usageError(
          `no help on ${topic}`,
          `topics: ${Object.keys(TOPICS).join(' ')}; commands: ${Object.keys(commands).join(' ')}`,
        )
      ctx.io.stdout.write(text)
    })
}
