/** The last moment an entry can expire, in milliseconds since 1970: RFC 3339 writes years of four digits. */
export const LATEST_EXPIRY = Date.UTC(10_000, 0, 1) - 1
