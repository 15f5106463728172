import { KvError } from '../../errors.ts'
import { displayKey } from '../../safe-text.ts'
import type { Entry } from '../../store/driver/entry.ts'
import { ValueFields } from './value-fields.ts'
import { parsePath } from '../path.ts'

/** Puts a field of each value in the place of the value. */
export class ValueField {
  readonly #written: string
  readonly #values: ValueFields

  /** Throws `KV_USAGE` for a text that is no path. */
  constructor(written: string) {
    this.#written = written
    this.#values = new ValueFields([parsePath(written)])
  }

  /**
   * The entry with the field as its value: of a string the text, else the source; or always the source as JSON on one line
   * (`isJson`). `undefined` when the value has no such field.
   */
  of(entry: Entry, isJson: boolean): Entry | undefined {
    const values = this.#values
    values.read(entry.value)
    const value = isJson ? values.source(0) : values.text(0)
    if (value === undefined) return undefined
    // What was decoded lies where the text of the next field will.
    return { ...entry, value: value.buffer === entry.value.buffer ? value : value.slice() }
  }

  /** The error of an entry in which {@link of} has found nothing. */
  missing({ key, value }: Entry): KvError {
    const kind = this.#values.read(value)
    const reason = kind === 'none' ? ', whose value is not JSON' : kind === 'scalar' ? ', whose value is no object' : ''
    const element = this.#written.replaceAll(/\[(\d+)\]/g, '.$1')
    const hint = element === this.#written ? undefined : `an element of an array: .${element}`
    return new KvError('KV_NOT_FOUND', `no field ${this.#written} in ${displayKey(key)}${reason}`, { hint })
  }
}
