import { INDEX_INTERIOR, INDEX_LEAF, type RawPages, TABLE_INTERIOR, TABLE_LEAF, type Tree } from './raw-pages.ts'

/** Which tree the pages of a file are of: as far as page 1 tells where each begins, and it is whole. */
export class Owners {
  readonly #trees: readonly Tree[]
  /** One more than the number of its tree, for each page; 0 where that is not known. */
  readonly #of: Uint32Array

  constructor(pages: RawPages) {
    this.#trees = pages.trees()
    this.#of = new Uint32Array(pages.count + 1)
    for (const [n, { root }] of this.#trees.entries()) this.#follow(pages, root, n + 1)
  }

  /** Whether a page is of a table, or of one of the indexes of a table. */
  isOf(page: number, kind: Tree['kind'], table: string): boolean {
    const tree = this.#trees[this.#of[page]! - 1]
    return tree?.kind === kind && tree.table === table
  }

  /** Whether it may be: that, or nobody knows. */
  mayBeOf(page: number, kind: Tree['kind'], table: string): boolean {
    return this.#of[page] === 0 || this.isOf(page, kind, table)
  }

  /** The first pages of a table and of its indexes. */
  roots(table: string): { table: number[]; index: number[] } {
    const roots = { table: [] as number[], index: [] as number[] }
    for (const tree of this.#trees) if (tree.table === table) roots[tree.kind].push(tree.root)
    return roots
  }

  #follow(pages: RawPages, root: number, owner: number): void {
    const interior = [root]
    for (let page = interior.pop(); page !== undefined; page = interior.pop()) {
      if (page < 1 || page > pages.count || this.#of[page] !== 0) continue
      this.#of[page] = owner
      const bytes = pages.page(page)
      if (bytes[0] !== TABLE_INTERIOR && bytes[0] !== INDEX_INTERIOR) continue
      let areLeaves = false
      for (const child of pages.children(bytes)) {
        if (child < 1 || child > pages.count || this.#of[child] !== 0) continue
        // All that a page leads to are as far from the root: of leaves, one is read.
        const type: number = areLeaves ? TABLE_LEAF : pages.page(child)[0]!
        if (type === TABLE_INTERIOR || type === INDEX_INTERIOR) interior.push(child)
        else {
          this.#of[child] = owner
          areLeaves ||= type === TABLE_LEAF || type === INDEX_LEAF
        }
      }
    }
  }
}
