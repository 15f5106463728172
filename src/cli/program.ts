import type { CommandEntry } from './build-program.ts'
import { plainLine } from './called.ts'
import type { Program } from './context.ts'

/** The program that has these commands, and `help` besides. */
export function createProgram(list: Readonly<Record<string, CommandEntry>>): Program {
  const commands: Readonly<Record<string, CommandEntry>> = {
    ...list,
    help: { summary: 'explain a command or a topic', load: async () => (await import('./help.ts')).help },
  }
  return {
    commands,
    async build(ctx, argv) {
      const { buildProgram } = await import('./build-program.ts')
      return buildProgram(ctx, argv, commands)
    },
    plain(argv) {
      const line = plainLine(argv)
      const plain = line && Object.hasOwn(commands, line.command) ? commands[line.command]!.plain : undefined
      if (line === undefined || plain === undefined) return undefined
      const { operands, flags } = line
      if (operands.length < plain.least || operands.length > plain.most) return undefined
      return async (ctx) => {
        ctx.configure(flags)
        await (
          await plain.load()
        )(ctx, operands)
      }
    },
  }
}
