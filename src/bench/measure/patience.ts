/**
 * The same as `work`, until the signal is aborted: from then on it has `patienceMs` to settle, so that
 * what is under way comes to its end; else the signal's reason is thrown. What answers no more
 * cannot keep the user waiting.
 */
export function whilePatient<T>(work: Promise<T>, signal: AbortSignal, patienceMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const give = (): void => {
      timer = setTimeout(() => reject(signal.reason as Error), patienceMs)
    }
    const over = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', give)
    }
    if (signal.aborted) give()
    else signal.addEventListener('abort', give, { once: true })
    void work.then(resolve, reject).finally(over)
  })
}
