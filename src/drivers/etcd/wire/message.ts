/**
 * Messages of Protocol Buffers (https://protobuf.dev/programming-guides/encoding) by a statement of their fields, which takes
 * the place of generated code. A field that is not known is skipped; one that is `undefined` is not written, and every other
 * is, also where it has its default value: a server tells by that which of several alternatives was chosen.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** How the values of one field are read, as `T`, and written, from an `I`. */
export interface Field<T, I = T> {
  readonly number: number
  readonly wire: WireType
  /** What a message has that does not carry the field. */
  readonly initial: () => T
  /** The new value of the field, of which `before` is what came so far. */
  readonly read: (reader: BinaryReader, before: T) => T
  readonly write: (writer: BinaryWriter, value: I) => void
  /** Writes its tags itself, one for each of its values. */
  readonly repeats?: boolean
}

// oxlint-disable-next-line typescript/no-explicit-any
type Fields = Readonly<Record<string, Field<any, any>>>

/** The object that a message is read as. */
export type Decoded<M> =
  M extends Message<infer F> ? { -readonly [N in keyof F]: F[N] extends Field<infer T, infer _> ? T : never } : never

/** The object that a message is written from. */
export type Encodable<M> =
  M extends Message<infer F>
    ? { readonly [N in keyof F]?: (F[N] extends Field<infer _, infer I> ? I : never) | undefined }
    : never

/** A message with these fields. */
export class Message<F extends Fields> {
  readonly #fields: readonly (readonly [name: string, field: Field<unknown>])[]
  readonly #byNumber: readonly (readonly [name: string, field: Field<unknown>] | undefined)[]

  constructor(fields: F) {
    this.#fields = Object.entries(fields)
    const byNumber: (readonly [string, Field<unknown>])[] = []
    for (const named of this.#fields) byNumber[named[1].number] = named
    this.#byNumber = byNumber
  }

  /** The bytes of a message. */
  encode(values: Encodable<Message<F>>): Uint8Array {
    const writer = new BinaryWriter()
    this.write(writer, values)
    return writer.finish()
  }

  /** The message of the given bytes; arrays of bytes in it are views of them. Throws for what is none. */
  decode(bytes: Uint8Array): Decoded<Message<F>> {
    return this.read(new BinaryReader(bytes), bytes.length)
  }

  /** Writes the fields of a message, without its length. */
  write(writer: BinaryWriter, values: Encodable<Message<F>>): void {
    for (const [name, field] of this.#fields) {
      const value: unknown = (values as Record<string, unknown>)[name]
      if (value === undefined) continue
      if (field.repeats !== true) writer.tag(field.number, field.wire)
      field.write(writer, value)
    }
  }

  /** Reads a message that ends at the given place. */
  read(reader: BinaryReader, end: number): Decoded<Message<F>> {
    const message: Record<string, unknown> = {}
    for (const [name, field] of this.#fields) message[name] = field.initial()
    while (reader.pos < end) {
      const tag = reader.uint32()
      const wire = tag & 7
      const named = this.#byNumber[tag >>> 3]
      if (named === undefined || named[1].wire !== wire) {
        reader.skip(wire, tag >>> 3)
        continue
      }
      message[named[0]] = named[1].read(reader, message[named[0]])
    }
    return message as Decoded<Message<F>>
  }
}

const NO_BYTES = new Uint8Array()

/** Bytes; none by default. */
export function bytes(number: number): Field<Uint8Array> {
  return {
    number,
    wire: WireType.LengthDelimited,
    initial: () => NO_BYTES,
    read: (reader) => reader.bytes(),
    write: (writer, value) => void writer.bytes(value),
  }
}

/** Text; empty by default. */
export function text(number: number): Field<string> {
  return {
    number,
    wire: WireType.LengthDelimited,
    initial: () => '',
    read: (reader) => reader.string(),
    write: (writer, value) => void writer.string(value),
  }
}

/** Any number of texts. */
export function texts(number: number): Field<string[], readonly string[]> {
  return {
    number,
    wire: WireType.LengthDelimited,
    initial: () => [],
    repeats: true,
    read(reader, before) {
      before.push(reader.string())
      return before
    },
    write(writer, values) {
      for (const value of values) writer.tag(number, WireType.LengthDelimited).string(value)
    },
  }
}

/** A 64-bit integer whose values are safe integers, such as a revision; 0 by default. */
export function integer(number: number): Field<number> {
  return {
    number,
    wire: WireType.Varint,
    initial: () => 0,
    read: (reader) => Number(reader.int64()),
    write: (writer, value) => void writer.int64(value),
  }
}

/** A 64-bit integer that may be any, such as the id of a lease; 0 by default. */
export function integer64(number: number): Field<bigint> {
  return {
    number,
    wire: WireType.Varint,
    initial: () => 0n,
    read: (reader) => BigInt(reader.int64()),
    write: (writer, value) => void writer.int64(value),
  }
}

/** Whether something holds; false by default. */
export function flag(number: number): Field<boolean> {
  return {
    number,
    wire: WireType.Varint,
    initial: () => false,
    read: (reader) => reader.bool(),
    write: (writer, value) => void writer.bool(value),
  }
}

/** A message in another; absent by default. */
export function nested<F extends Fields>(
  number: number,
  of: Message<F>,
): Field<Decoded<Message<F>> | undefined, Encodable<Message<F>>> {
  return {
    number,
    wire: WireType.LengthDelimited,
    initial: () => undefined,
    read: (reader) => of.read(reader, reader.uint32() + reader.pos),
    write: (writer, value) => writeNested(writer, of, value),
  }
}

/** Any number of messages. */
export function several<F extends Fields>(
  number: number,
  of: Message<F>,
): Field<Decoded<Message<F>>[], readonly Encodable<Message<F>>[]> {
  return {
    number,
    wire: WireType.LengthDelimited,
    initial: () => [],
    repeats: true,
    read(reader, before) {
      before.push(of.read(reader, reader.uint32() + reader.pos))
      return before
    },
    write(writer, values) {
      for (const value of values) {
        writer.tag(number, WireType.LengthDelimited)
        writeNested(writer, of, value)
      }
    },
  }
}

function writeNested<F extends Fields>(writer: BinaryWriter, of: Message<F>, value: Encodable<Message<F>>): void {
  writer.fork()
  of.write(writer, value)
  writer.join()
}
