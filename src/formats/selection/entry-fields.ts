import { escapeLine, formatCount } from '../../safe-text.ts'
import type { Entry } from '../../store/driver/entry.ts'
import { ValueFields } from './value-fields.ts'
import type { FieldList } from '../template.ts'

const NOTHING = new Uint8Array()

/** The fields that columns or a template take from the values of entries, with an account of those that were not there. */
export class EntryFields {
  /** Whether anything but the key and the expiry is asked for. */
  readonly needsValue: boolean
  protected readonly values: ValueFields
  readonly #names: readonly string[]
  /** Fields that no value has had so far. */
  #missing: number[]
  #entries = 0
  /** Values that are no JSON objects or arrays. */
  #without = 0

  constructor({ names, paths }: FieldList, takesValue: boolean) {
    this.#names = names
    this.values = new ValueFields(paths)
    this.#missing = names.map((_, field) => field)
    this.needsValue = takesValue || names.length > 0
  }

  /** Goes on to an entry. */
  read({ value }: Entry): void {
    if (this.#names.length === 0) return
    this.#entries++
    if (this.values.read(value) !== 'container') this.#without++
    else if (this.#missing.length > 0) this.#missing = this.#missing.filter((field) => !this.values.has(field))
  }

  /** The text of a field, empty where it is missing or null. Good until the next call. */
  protected fieldText(field: number): Uint8Array {
    const text = this.values.text(field)
    return text === undefined || this.values.isNull(field) ? NOTHING : text
  }

  /** What is worth knowing about fields that were empty, a line each. */
  remarks(): string[] {
    const remarks: string[] = []
    const [entries, without] = [this.#entries, this.#without]
    if (without > 0)
      remarks.push(
        without === 1
          ? '1 value is no JSON object: its fields are empty'
          : `${formatCount(without, 'value')} are no JSON objects: their fields are empty`,
      )
    if (entries > without)
      for (const field of this.#missing) remarks.push(`no value has a field ${escapeLine(this.#names[field]!)}`)
    return remarks
  }
}
