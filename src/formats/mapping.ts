import { type Template, FieldList, parseFieldOrTemplate } from './template.ts'

/** How entries are made of the records of an input; plain data, which can be sent to another thread. */
export interface Mapping {
  /** The field, or the template, that makes the key; absent: the records have the fields of an entry. */
  readonly key?: string | undefined
  /** The same of the value; absent: the whole record. Only with `key`. */
  readonly value?: string | undefined
  /** Stands before every key. */
  readonly prefix?: Uint8Array | undefined
  /** Time to live of an entry that brings none, in milliseconds. */
  readonly ttl?: number | undefined
}

/** A {@link Mapping} whose key and value are chosen, ready for use. */
export interface FieldMapping {
  /** What is needed of a record: the fields of the key first. */
  readonly fields: FieldList
  readonly prefix: Uint8Array
  readonly key: Template
  /** Absent: the whole record. */
  readonly value: Template | undefined
  /** How many of the fields are of the key. */
  readonly keyFields: number
  readonly ttl: number | undefined
}

/** Reads the templates of a mapping with a key. Throws `KV_USAGE`. */
export function fieldMapping(key: string, { value, prefix, ttl }: Mapping): FieldMapping {
  const fields = new FieldList()
  const template = parseFieldOrTemplate(key, fields)
  const keyFields = fields.names.length
  return {
    fields,
    prefix: prefix ?? new Uint8Array(),
    key: template,
    value: value === undefined ? undefined : parseFieldOrTemplate(value, fields),
    keyFields,
    ttl,
  }
}
