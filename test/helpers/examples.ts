/**
 * The commands of a text that shows what a shell does, each with what is said to be printed: lines after `$ ` and the
 * lines below.
 */
export function examplesOf(text: string): { command: string; output: string }[] {
  return [...text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command, output]) => ({
    command: command!,
    output: output!,
  }))
}

/**
 * The lines that a program says it prints: in a comment beside each `console.log`, and in comments without indentation
 * directly below a line of code.
 */
export function printedBy(program: string): string[] {
  const said: string[] = []
  let isBelowCode = false
  for (const line of program.split('\n')) {
    if (line.startsWith('// ')) {
      if (isBelowCode) said.push(line.slice('// '.length))
    } else {
      const beside = /console\.log.*?\/\/ (.*)/.exec(line)
      if (beside !== null) said.push(beside[1]!)
      isBelowCode = line !== ''
    }
  }
  return said
}
