import { parsePath } from '../formats/path.ts'

/** The longest name of a field or column that a hint repeats. */
const LONGEST_NAME = 100

/** What `--key` must say for the field of this name; `undefined` where it is too long, or would be taken for a template. */
export function fieldText(name: string): string | undefined {
  const trimmed = name.trim()
  if (trimmed.length > LONGEST_NAME || /[{}\p{Cc}]/u.test(trimmed) || !trimmed.isWellFormed()) return undefined
  try {
    return parsePath(trimmed).length === 1 && !trimmed.startsWith('"') ? trimmed : JSON.stringify(trimmed)
  } catch {
    return JSON.stringify(trimmed)
  }
}
