import { bash } from './bash.ts'
import { fish } from './fish.ts'
import { powershell } from './powershell.ts'
import type { Shell } from './shell.ts'
import { zsh } from './zsh.ts'

/** The only list of shells. */
export const SHELLS = { bash, zsh, fish, powershell } as const satisfies Record<string, Shell>

/** Their names. */
export const SHELL_NAMES = Object.keys(SHELLS) as readonly (keyof typeof SHELLS)[]
