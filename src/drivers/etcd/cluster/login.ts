import { untilAborted } from '../../../async.ts'
import { METHODS } from '../wire/messages.ts'
import { verdictOn } from './failures.ts'
import { CallError, type CallOptions, type Transport } from './transport.ts'

/** Who is asking. */
export interface User {
  readonly name: string
  readonly password: string
}

/** Of gRPC. */
const CANCELLED = 1

/** A member that has no users says so, and answers whoever asks. */
const NO_USERS = 'authentication is not enabled'

/** Logs a user in when that is first needed, for all members at once, and again when they do not know the token any more. */
export class Login {
  readonly #user: User | undefined
  #token: Promise<string | undefined> | undefined

  /** @param user who is asking; `undefined`: nobody logs in */
  constructor(user: User | undefined) {
    this.#user = user
  }

  /**
   * The token of the user, which a member gives where there is none yet: one for all calls that are under way; `undefined`
   * where none is needed. Rejects with a {@link CallError} by which it is certain that the call itself was not sent.
   */
  async token(member: Transport, { signal, ...options }: Omit<CallOptions, 'token'>): Promise<string | undefined> {
    if (this.#user === undefined) return undefined
    if (this.#token === undefined) {
      // Others may wait for it whose signals are not aborted.
      const asked = (this.#token = authenticate(member, this.#user, options))
      asked.catch(() => {
        if (this.#token === asked) this.#token = undefined
      })
    }
    const token = this.#token
    try {
      return await untilAborted(token, signal)
    } catch (error) {
      if (signal?.aborted === true) throw new CallError(CANCELLED, 'interrupted', false, member.endpoint)
      throw error
    }
  }

  /** Has {@link token} log in again, unless that was done since `token` was given. False where nobody logs in. */
  async renew(token: string | undefined): Promise<boolean> {
    if (this.#user === undefined) return false
    const now = this.#token
    if (now !== undefined && (await now.catch(() => undefined)) === token && this.#token === now) {
      this.#token = undefined
    }
    return true
  }
}

async function authenticate(member: Transport, user: User, options: CallOptions): Promise<string | undefined> {
  try {
    return (await member.unary(METHODS.authenticate, user, options)).token
  } catch (error) {
    if (!(error instanceof CallError)) throw error
    if (error.message.includes(NO_USERS)) return undefined
    // Whatever became of the login, the call for which it was made is not under way.
    if (verdictOn(error) !== 'unclear') throw error
    throw new CallError(error.status, error.message, false, error.endpoint)
  }
}
