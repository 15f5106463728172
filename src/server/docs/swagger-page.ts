/** What `/docs` shows: the description of the API, so that every call can be tried as the page fills it in. */

import { NDJSON } from '../../protocol/http-api.ts'

type Json = Readonly<Record<string, unknown>>

interface Operation extends Json {
  readonly parameters?: readonly Json[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Json>> }
}

/** The media type of bodies that the page sends as typed: JSON Lines it would quote, bytes it takes from files only. */
const TYPED = 'text/plain'

const BYTES = 'application/octet-stream'

/** The document for the page, which fills in every example: those of optional parameters go into the descriptions. */
export function pageDescription(document: Json): Record<string, unknown> {
  const paths = (document['paths'] ?? {}) as Record<string, Record<string, Operation>>
  // Calls go to where the page itself is: to what is above its own address, /docs/json.
  return { ...document, servers: [{ url: '..' }], paths: mapValues(paths, (methods) => mapValues(methods, onPage)) }
}

function onPage(operation: Operation): Operation {
  const { parameters, requestBody } = operation
  return {
    ...operation,
    ...(parameters && { parameters: parameters.map(withoutPrefill) }),
    ...(requestBody && {
      requestBody: {
        ...requestBody,
        content: Object.fromEntries(Object.entries(requestBody.content).flatMap(bodyOnPage)),
      },
    }),
  }
}

function withoutPrefill(parameter: Json): Json {
  const { example, ...rest } = parameter
  if (rest['required'] === true || example === undefined) return parameter
  return { ...rest, description: `${String(rest['description'] ?? '')}, such as \`${String(example)}\`` }
}

function bodyOnPage([type, media]: [string, Json]): [string, Json][] {
  if (type === NDJSON) return [[TYPED, media]]
  const typed: [string, Json] = [TYPED, { ...media, schema: { type: 'string' } }]
  return [...(type === BYTES ? [typed] : []), [type, media]]
}

function mapValues<T, R>(of: Readonly<Record<string, T>>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, change(value)]))
}
