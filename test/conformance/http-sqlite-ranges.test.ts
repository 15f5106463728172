import { HTTP_SQLITE } from './http-sqlite.ts'
import { conformance } from './suite.ts'

conformance('http over sqlite', HTTP_SQLITE, 'ranges')
