import { CODES } from '../../errors.ts'

/** `kv help exit-codes` */
export const EXIT_CODES_TOPIC = `
Exit codes
    0  done
    1  a negative answer and nothing else: key not found, condition not met
    2  wrong call: unknown option, missing argument, START after END, key too long
    3  input data refused (batch-put)
    4  the store failed: cannot open, locked, corrupt, disk full, unreachable
   70  a bug in kv
  130  interrupted

An error is one line on stderr that ends with a code. Codes do not change between versions:
${Object.entries(CODES)
  .map(([code, { exit }]) => `  ${code.padEnd(20)} ${exit}`)
  .join('\n')}
`
