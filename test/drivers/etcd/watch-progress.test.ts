import { describe, expect, test } from 'vitest'
import { Progress } from '../../../src/drivers/etcd/watch/progress.ts'
import { answersInOrder } from '../../../src/drivers/etcd/watch/stream.ts'

/** Changes of one stream by their revisions; those that are new. */
function read(progress: Progress, upTo: number, revisions: readonly number[], isWhole = true): number[] {
  progress.message(upTo, revisions, isWhole)
  return revisions.filter((revision, i) => {
    const isNew = progress.change(revision)
    if (i + 1 < revisions.length ? revisions[i + 1]! > revision : isWhole) progress.endOf(revision)
    return isNew
  })
}

describe('how far a watch of etcd has read', () => {
  test('what comes again after the loss of a member is known, also in the middle of a revision', () => {
    const progress = new Progress(10, undefined, undefined)
    expect(progress.restart()).toBe(11)
    expect(read(progress, 12, [11, 12, 12], false)).toEqual([11, 12, 12])
    expect([progress.revision, progress.begun]).toEqual([11, { revision: 12, changes: 2 }])
    expect(progress.restart()).toBe(12)
    expect(read(progress, 13, [12, 12, 12, 13])).toEqual([12, 13])
    expect(progress.revision).toBe(13)
    expect(read(progress, 13, [12, 13])).toEqual([])
  })

  test('a stream that begins with what is known tells up to where nothing follows', () => {
    const progress = new Progress(10, undefined, undefined)
    expect(progress.canCatchUp).toBe(false)
    progress.restart()
    read(progress, 11, [11])
    expect(progress.restart()).toBe(11)
    expect(read(progress, 20, [11])).toEqual([])
    expect(progress.revision).toBe(20)
    // Something follows: more may, than is in the message.
    expect(progress.restart()).toBe(11)
    expect(read(progress, 30, [11, 25])).toEqual([25])
    expect(progress.revision).toBe(25)
    // Only the first message, and only a whole one.
    read(progress, 40, [25])
    expect(progress.revision).toBe(25)
    progress.restart()
    read(progress, 40, [25], false)
    expect(progress.revision).toBe(25)
  })

  test('what is compacted away is not read again', () => {
    const progress = new Progress(10, undefined, 7)
    expect(progress.restart()).toBe(7)
    expect(progress.forgetKnown()).toBe(true)
    expect(progress.restart()).toBe(11)
    expect(progress.forgetKnown()).toBe(false)
  })

  test.for([
    ['3.3.27', false],
    ['3.4.23', false],
    ['3.4.24', false],
    ['3.4.25', true],
    ['3.5.0', false],
    ['3.5.7', false],
    ['3.5.8', true],
    ['3.6.0-rc.1', true],
    ['3.10.0', true],
    ['4.0.0', true],
    ['', false],
  ] as const)('etcd %s answers in order: %s', ([version, expected]) => {
    expect(answersInOrder(version)).toBe(expected)
  })
})
