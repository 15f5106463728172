/** A block this large is mapped by itself; see {@link deadBufferCollector}. Bytes. */
const LARGE_BLOCK = 24 << 20

type CollectGarbage = (options: { type: 'minor' }) => void

/**
 * Gives a function that frees the buffers which have died young; it does nothing where V8 does not offer
 * that. For a process that makes large buffers one after the other and does little else: left alone, V8
 * lets some 30 MB of them gather, and the allocator returns these to the system, which has to map each
 * page anew (on a virtual machine that can be half of the time an export takes).
 *
 * glibc returns less once a block mapped by itself has been freed: its threshold becomes twice the size
 * of the largest such block (mallopt(3), M_MMAP_THRESHOLD). So one is freed here, which nothing has
 * touched. Other allocators do not care.
 */
export function deadBufferCollector(): () => void {
  const collect = garbageCollector()
  if (collect === undefined) return () => {}
  const free = (): void => collect({ type: 'minor' })
  allocateAndForget()
  free()
  return free
}

/** In a function of its own, so that no register still holds the block. */
function allocateAndForget(): number {
  return new ArrayBuffer(LARGE_BLOCK).byteLength
}

/**
 * V8's `gc`, which a new context has while the flag is set. The flag does not stay: V8 takes cached code only under
 * the flags that were set when it was made.
 */
function garbageCollector(): CollectGarbage | undefined {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  try {
    setFlagsFromString('--expose-gc')
    return process.getBuiltinModule('node:vm').runInNewContext('globalThis.gc') as CollectGarbage | undefined
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
