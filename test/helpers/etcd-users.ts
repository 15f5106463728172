import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EtcdCluster } from './etcd-cluster.ts'
import { tempDir } from './temp-dir.ts'

/** Passwords of all users, and of `root`, by name. */
export const PASSWORDS = { root: 'the root', bob: 'bob’s own', eve: 'eve reads' } as const

/** Gives a cluster users: `root`, `bob`, who may read and write the store `app`, and `eve`, who may read it; others may do nothing. */
export async function withUsers(cluster: EtcdCluster): Promise<void> {
  for (const [user, password] of Object.entries(PASSWORDS)) {
    await cluster.ctl('user', 'add', user, `--new-user-password=${password}`)
    await cluster.ctl('role', 'add', user)
    await cluster.ctl('user', 'grant-role', user, user)
  }
  await cluster.ctl('role', 'grant-permission', '--prefix=true', 'bob', 'readwrite', 'app/')
  await cluster.ctl('role', 'grant-permission', '--prefix=true', 'eve', 'read', 'app/')
  await cluster.ctl('auth', 'enable')
}

/** A new file with a password and a line feed. */
export function passwordFile(password: string): string {
  const file = join(tempDir(), 'password')
  writeFileSync(file, `${password}\n`)
  return file
}

/** The location of a store for a user, whose password is in a file. */
export function locationFor(cluster: EtcdCluster, user: keyof typeof PASSWORDS, prefix = 'app'): string {
  const location = cluster.location(prefix, `password-file=${passwordFile(PASSWORDS[user])}`)
  return location.replace('://', `://${user}@`)
}
