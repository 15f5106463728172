import type { EntryForm } from '../formats/format.ts'
import { EntryColumns } from '../formats/selection/columns.ts'
import type { EntryFields } from '../formats/selection/entry-fields.ts'
import { ValueField } from '../formats/selection/field.ts'
import { LineTemplate } from '../formats/selection/line-template.ts'
import type { Entry } from '../store/driver/entry.ts'

/** What is chosen, one of these, as the user wrote it. */
export interface Chosen extends Pick<EntryForm, 'keyEncoding' | 'valueEncoding'> {
  readonly columns?: string | undefined
  readonly template?: string | undefined
  readonly field?: string | undefined
}

/** What is printed of entries in place of their keys and values. */
export interface Selection {
  /** For the printer. */
  readonly form: Pick<EntryForm, 'columns' | 'template'>
  /** Whether the keys are not all that is needed. */
  readonly needsValue: boolean
  /** What takes the place of each value. */
  readonly field?: ValueField
  /** What is worth knowing when all is printed, a line each. */
  remarks(): readonly string[]
}

/** Reads what was chosen; `nul`: lines of a template end in a NUL. Throws `KV_USAGE`. */
export function selectionOf(chosen: Chosen, nul = false): Selection {
  const { columns, template, field } = chosen
  if (columns !== undefined) {
    const list = new EntryColumns(columns, chosen)
    return { form: { columns: list }, ...ofFields(list) }
  }
  if (template !== undefined) {
    const lines = new LineTemplate(template, chosen, nul ? '\0' : '\n')
    return { form: { template: (out) => lines.writer(out) }, ...ofFields(lines) }
  }
  return { form: {}, needsValue: true, field: new ValueField(field ?? ''), remarks: () => [] }
}

function ofFields(fields: EntryFields): Pick<Selection, 'needsValue' | 'remarks'> {
  return { needsValue: fields.needsValue, remarks: () => fields.remarks() }
}

/** The entries that have a field, with it in the place of their value, at most `limit`; `isJson` as {@link ValueField.of} has it. */
export async function* withField(
  pages: AsyncIterable<readonly Entry[]>,
  field: ValueField,
  isJson: boolean,
  limit = Infinity,
): AsyncGenerator<Entry[], void, void> {
  let left = limit
  if (left === 0) return
  for await (const page of pages) {
    const found: Entry[] = []
    for (const entry of page) {
      const chosen = field.of(entry, isJson)
      if (chosen !== undefined) found.push(chosen)
      if (found.length === left) break
    }
    if (found.length > 0) yield found
    left -= found.length
    if (left === 0) return
  }
}
