/** Ends what a driver still holds for a range whose iterator nobody has any more. */
const ABANDONED = new FinalizationRegistry<AsyncIterator<unknown>>(
  (iterator) => void iterator.return?.()?.catch(() => {}),
)

/**
 * Items of a driver (`undefined`: none) until `check`, called before each, throws. Frees them when collected, too.
 *
 * @param firstIsFree whether nothing is held until a second item is asked for: to watch over a range costs as much as a short one
 */
export function guarded<T>(
  items: AsyncIterable<T> = none(),
  check: () => void,
  firstIsFree = false,
): AsyncGenerator<T, void, void> {
  const iterator = items[Symbol.asyncIterator]()
  const watchOver = (): void => ABANDONED.register(checked, iterator)
  const own = { [Symbol.asyncIterator]: () => iterator }
  const checked = checkedItems(own, check, firstIsFree ? watchOver : undefined)
  if (!firstIsFree) watchOver()
  return checked
}

/** The items of pages one by one. */
export async function* eachOf<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T, void, void> {
  // Quicker than `yield*`, which makes an async iterator of the array.
  for await (const page of pages) for (const item of page) yield item
}

async function* checkedItems<T>(
  items: AsyncIterable<T>,
  check: () => void,
  onSecond: (() => void) | undefined,
): AsyncGenerator<T, void, void> {
  check()
  for await (const item of items) {
    yield item
    check()
    onSecond?.()
    onSecond = undefined
  }
}

async function* none(): AsyncGenerator<never, void, void> {}
