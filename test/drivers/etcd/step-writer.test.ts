import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TxnRequest } from '../../../src/drivers/etcd/wire/messages.ts'
import { StepWriter } from '../../../src/drivers/etcd/wire/step-writer.ts'

const key = fc.uint8Array({ minLength: 1, maxLength: 300 })
const value = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 100, max: 70_000 }).map((n) => new Uint8Array(n)),
)
const lease = fc.oneof(fc.constant(0n), fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }))

test('steps are written as messages write them', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key, value, lease, isDelete: fc.boolean() })), fc.nat(100), (steps, size) => {
      const writer = new StepWriter(size)
      for (const one of steps) {
        if (one.isDelete) writer.del(one.key)
        else writer.put(one.key, one.value, one.lease)
      }
      const success = steps.map((one) =>
        one.isDelete
          ? { deleteRange: { key: one.key } }
          : { put: { key: one.key, value: one.value, lease: one.lease === 0n ? undefined : one.lease } },
      )
      expect(Buffer.compare(writer.finish(), TxnRequest.encode({ success }))).toBe(0)
    }),
  )
})
