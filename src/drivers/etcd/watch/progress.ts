/** A revision with more changes is not read again. */
const MOST_AGAIN = 256

/** How far a watch has read the changes of a cluster, of which the member that reports them may change. */
export class Progress {
  #revision: number
  /** The one after it of which not all changes have come. */
  #begun: { readonly revision: number; changes: number } | undefined
  /** How many of those have come from the member that is asked now. */
  #seen = 0
  /** A revision that has a change of the watched keys, perhaps: the newest that is known. */
  #anchor: number | undefined
  /** The stream began with the anchor, and nothing has come yet. */
  #isFirst = false

  /**
   * @param changes how many changes of `revision` are known; `undefined`: all
   * @param changed a revision that may have a change of the watched keys, not after `revision`
   */
  constructor(revision: number, changes: number | undefined, changed: number | undefined) {
    this.#revision = changes === undefined ? revision : revision - 1
    if (changes !== undefined) this.#begun = { revision, changes }
    this.changedAt(changed)
  }

  /** A revision before which the watch began may have a change of the watched keys. */
  changedAt(revision: number | undefined): void {
    if (revision !== undefined && revision > (this.#anchor ?? 0)) this.#anchor = revision
  }

  /** Up to here every change is known. */
  get revision(): number {
    return this.#revision
  }

  /** The next revision, of which so many changes are known. */
  get begun(): { readonly revision: number; readonly changes: number } | undefined {
    return this.#begun
  }

  /** Whether {@link restart} may find that there are no more changes. */
  get canCatchUp(): boolean {
    return this.#anchor !== undefined && this.#begun === undefined
  }

  /**
   * Another stream begins; settles to the revision with which it is to begin. When that is one whose changes are known, the first
   * message tells up to where there are no more: what members answer to the question how far they are overtakes changes in etcd
   * before 3.4.25 and 3.5.8, and is no reason to skip any.
   */
  restart(): number {
    this.#seen = 0
    this.#isFirst = this.canCatchUp
    return this.#isFirst ? this.#anchor! : this.#revision + 1
  }

  /** The next stream must not begin with what is known, which has been compacted away; false: that is not why. */
  forgetKnown(): boolean {
    const was = this.#isFirst
    this.#anchor = undefined
    return was
  }

  /** A message with changes begins, and goes up to a revision if it has all changes of one. */
  message(upTo: number, revisions: readonly number[], isWhole: boolean): void {
    const isFirst = this.#isFirst
    this.#isFirst = false
    // etcd takes no more than 1000 revisions into a message, and all of the changes of each.
    if (isFirst && isWhole && revisions.every((revision) => revision === this.#anchor)) this.caughtUp(upTo)
  }

  /** There are no more changes up to a revision. */
  caughtUp(revision: number): void {
    if (this.#begun === undefined) this.#revision = Math.max(this.#revision, revision)
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

  #end(): void {
    if (this.#begun === undefined) return
    this.#revision = this.#begun.revision
    this.#anchor = this.#begun.changes > MOST_AGAIN ? undefined : this.#revision
    this.#begun = undefined
  }
}
