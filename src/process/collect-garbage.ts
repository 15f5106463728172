let collecting: Promise<void> | undefined

/**
 * Collects the garbage of this thread and finalizes it: once for all who ask in one turn of the event loop.
 * It stops the thread for a millisecond or so a megabyte of JavaScript's heap.
 */
export function collectGarbage(): Promise<void> {
  // By the next turn nothing on the stack holds what was closed; Node finalizes in a turn of its own.
  collecting ??= new Promise((resolve) => {
    setImmediate(() => {
      collecting = undefined
      collector()?.()
      setImmediate(resolve)
    })
  })
  return collecting
}

/** What collects; `undefined` where V8's flags may be frozen: setting one would end the process. */
function collector(): (() => void) | undefined {
  if (globalThis.gc !== undefined) return globalThis.gc
  const isFrozen = process.execArgv.some((flag) => /^--freeze[-_]flags/.test(flag))
  if (isFrozen || process.versions['electron'] !== undefined) return undefined
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  const { runInNewContext } = process.getBuiltinModule('node:vm')
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc') as () => void
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
