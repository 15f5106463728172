import type { ClientHttp2Session } from 'node:http2'

/** The calls of which one of grpc-js (1.14) consists, down to its stream; test/store/unref.test.ts fails where that changes. */
interface Call {
  readonly call?: Call
  readonly child?: Call
  readonly underlyingCalls?: readonly Call[]
  readonly http2Stream?: { readonly session?: ClientHttp2Session | undefined }
}

/** Lets the process end although a stream of grpc-js is open, for which grpc-js has no way. Its connection must serve no other call. */
export function release(stream: object): void {
  ;(stream as Call).call?.call?.child?.underlyingCalls?.[0]?.call?.child?.http2Stream?.session?.unref()
}
