/** The first MongoDB that writes to several collections with one command (`bulkWrite`). */
export const OLDEST_MONGODB = 8;

/** True for a version, such as "7.0.14", that is older than what we need; not for what is no version. */
export function isTooOld(version: string): boolean {
  return Number(/^v?(\d+)\./.exec(version)?.[1] ?? OLDEST_MONGODB) < OLDEST_MONGODB;
}
