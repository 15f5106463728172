import type { ByteArena } from '../../blocks/byte-arena.ts'
import { usageError } from '../../errors.ts'
import type { FieldList, Fields } from '../../formats/template.ts'

const SLASH = 0x2f
const DOT = 0x2e

/** What templates can take of a file, by the name of the field: where it stands in its path. */
const FIELDS: Readonly<Record<string, (path: Uint8Array) => readonly [start: number, end: number]>> = {
  path: (path) => [0, path.length],
  name: (path) => [nameStart(path), path.length],
  stem: (path) => [nameStart(path), stemEnd(path)],
  ext: (path) => [Math.min(stemEnd(path) + 1, path.length), path.length],
  dir: (path) => [0, Math.max(nameStart(path) - 1, path[0] === SLASH ? 1 : 0)],
}

/**
 * The fields of a file: `path` as it was named, `name` its last part, `stem` and `ext` what is before and after the last
 * dot of that (`.bashrc` and `Makefile` have no `ext`), `dir` what is before it (`.` when nothing is).
 */
export class FileFields implements Fields {
  readonly #parts: readonly (readonly [name: string, part: (path: Uint8Array) => readonly [number, number]])[]
  /** The path of the file whose fields are asked for. */
  path: Uint8Array = new Uint8Array()

  /** Throws `KV_USAGE` for a field that files do not have. */
  constructor({ names }: FieldList) {
    this.#parts = names.map((name) => {
      if (!Object.hasOwn(FIELDS, name))
        throw usageError(`a file has no field ${name}`, `its fields are ${Object.keys(FIELDS).join(' ')}`)
      return [name, FIELDS[name]!]
    })
  }

  /** See {@link Fields.addText}. */
  addText(field: number, out: ByteArena): undefined {
    const [name, part] = this.#parts[field]!
    const [start, end] = part(this.path)
    if (name === 'dir' && end === 0) out.byte(DOT)
    else out.add(this.path, start, end)
  }
}

function nameStart(path: Uint8Array): number {
  return path.lastIndexOf(SLASH) + 1
}

function stemEnd(path: Uint8Array): number {
  const dot = path.lastIndexOf(DOT)
  return dot > nameStart(path) ? dot : path.length
}
