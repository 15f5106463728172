/** How far a watch has read the changes of a cluster, of which the member that reports them may change. */
export class Progress {
  #revision: number
  /** The one after it of which not all changes have come. */
  #begun: { readonly revision: number; changes: number } | undefined
  /** How many of those have come from the member that is asked now. */
  #seen = 0
  /** What the member said last of how far it is. */
  #told = 0

  /** @param changes how many changes of `revision` are known; `undefined`: all */
  constructor(revision: number, changes?: number) {
    this.#revision = changes === undefined ? revision : revision - 1
    if (changes !== undefined) this.#begun = { revision, changes }
  }

  /** Up to here every change is known. */
  get revision(): number {
    return this.#revision
  }

  /** The next revision, of which so many changes are known. */
  get begun(): { readonly revision: number; readonly changes: number } | undefined {
    return this.#begun
  }

  /** Another member begins to report; settles to the revision from which on it is to do so. */
  restart(): number {
    this.#seen = 0
    this.#told = 0
    return this.#revision + 1
  }

  /** A change of a revision has come; false: it is known. etcd may repeat changes when a member was behind. */
  change(revision: number): boolean {
    if (revision <= this.#revision) return false
    if (this.#begun?.revision !== revision) {
      this.#end()
      this.#begun = { revision, changes: 0 }
      this.#seen = 0
    }
    if (this.#seen++ < this.#begun!.changes) return false
    this.#begun!.changes++
    return true
  }

  /** All changes of a revision have come. */
  endOf(revision: number): void {
    if (this.#begun?.revision === revision) this.#end()
  }

  /**
   * A member has answered how far it is. In etcd before 3.4.25 and 3.5.8 the answer overtakes changes, so it is believed when the
   * next one, which was asked for a second later, has come too: changes have come by then, in an order of their own.
   */
  told(revision: number): void {
    if (this.#begun === undefined) this.#revision = Math.max(this.#revision, this.#told)
    this.#told = revision
  }

  #end(): void {
    if (this.#begun === undefined) return
    this.#revision = this.#begun.revision
    this.#begun = undefined
  }
}
