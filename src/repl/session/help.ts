import { UNDO_BYTES, UNDO_KEYS } from '../undo/undo.ts'

/** What help shows of a command. */
interface CommandSummary {
  readonly usage: string
  readonly summary: string
}

/** What there is to know of some commands besides their summary. */
const MORE: Readonly<Record<string, string>> = {
  '.mode': `Without FORMAT, says which one is set. auto: a table on a terminal, JSON Lines
elsewhere; help formats explains the others. A command's own --format wins.`,
  '.read': `It runs as a pasted script does: up to the first command that fails, and says
where that was.`,
  '.save': `Commands that failed are left out, and so are those with a dot but for .open and
.mode. Values that were typed stand in the script, --yes where you have answered,
and what was undone as a comment. A file that is there already is not replaced.
The newest 10,000 commands, or 16 MB of them, are kept.`,
  '.snapshot': `The copy is a file in $TMPDIR that only you can read. It needs as much space as
the store, and goes with the session, at .snapshot off and at .open; only
kill -9 leaves it there. Nothing in the store is held back for it. It
shows one moment wherever the store can.`,
  '.diff': `+ is new, ~ has another value or expiry, - is gone, with the values before and
after. On a terminal these are cut to the line, around what differs;
.diff | less and .diff > FILE have them whole.`,
  '.undo': `It puts back the values and expiries there were before that command, up to
${UNDO_KEYS.toLocaleString('en')} keys and ${UNDO_BYTES / 1e6} MB. When one of these keys has been written again since,
by anyone, or the file was replaced, nothing is put back. What a command wrote to
another store cannot be undone here, and entries that had to go for others
(--max-entries) do not come back. .undo itself can be undone. What was there is
read just before a command writes: when another process writes the same key in
that very moment, its value is not known and not put back.`,
  '.watch': 'It ends at Ctrl-C, or when the command fails. SECONDS may be 500ms, 2s or 1m.',
}

/** The help on a command of the session, with its dot or without; `undefined` for any other word. */
export function helpOn(topic: string, commands: Readonly<Record<string, CommandSummary>>): string | undefined {
  const name = topic.startsWith('.') ? topic : `.${topic}`
  if (!Object.hasOwn(commands, name)) return undefined
  const { usage, summary } = commands[name]!
  const more = MORE[name] === undefined ? '' : `\n${MORE[name]}\n`
  return `Usage: ${`${name} ${usage}`.trim()}\n\n${summary[0]!.toUpperCase()}${summary.slice(1)}.\n${more}`
}

/** The help on the session as a whole, which has these commands. */
export function sessionHelp(commands: Readonly<Record<string, CommandSummary>>): string {
  const rows = Object.entries(commands).map(([name, { usage, summary }]) => [`${name} ${usage}`, summary] as const)
  const width = Math.max(...rows.map(([left]) => left.length))
  return `Commands are those of the shell, without kv: get KEY, put KEY VALUE. help lists
them, help COMMAND explains one. Besides, in a session (.help undo tells more):

${rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')}
  ${'!COMMAND'.padEnd(width)}  run a command of your shell

COMMAND | jq .       through a program         COMMAND > FILE    into a file
COMMAND < FILE       from a file               COMMAND 2> FILE   its messages
~/FILE               in your home folder       # ...             a comment
"a\\n\\x41\\u{e9}"    with escapes             'as it is'        without any

Tab completes, Right takes the grey suggestion, Up and Ctrl-R go through the
history (a line that begins with a blank is not kept), Ctrl-X Ctrl-E opens the
line in $EDITOR, Ctrl-C stops what runs, Ctrl-Z suspends, Ctrl-D leaves.
`
}
