export const LIBRARY: string
export const BUILT: boolean
export function library(): Promise<typeof import('../../src/index.ts')>
