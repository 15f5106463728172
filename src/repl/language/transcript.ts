/**
 * A pasted text without the prompts of the session it was copied from and what the commands printed; one that does not
 * begin with a prompt stays as it is.
 * @param continuation the prompt of the second and later lines of a command
 */
export function withoutPrompts(text: string, prompt: string, continuation: string): string {
  const name = prompt.replace(/(?: \[\d+\])?> $/, '')
  const typed = (line: string): string | undefined => {
    if (!line.startsWith(name)) return undefined
    const match = /^(?: \[\d+\])?>(?: |$)/.exec(line.slice(name.length))
    return match === null ? undefined : line.slice(name.length + match[0].length)
  }
  const lines = text.split('\n')
  if (name === '' || typed(lines[0]!) === undefined) return text
  const kept = lines.map(
    (line) => typed(line) ?? (line.startsWith(continuation) ? line.slice(continuation.length) : undefined),
  )
  return kept.filter((line) => line !== undefined && line !== '').join('\n')
}
