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
