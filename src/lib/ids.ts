import { randomFillSync } from "node:crypto";

/** Crockford's base32 in lower case: no i, l, o, u. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS = 16;
const POOL_BYTES = 4096;

/** Makes ids such as `req_01jd…`: 48 bits of milliseconds, then 80 random bits; they sort by time. */
export type NewId = (prefix: string) => string;

/** An id factory with its own pool of randomness (one system call per 256 ids). */
export function createIds(nowMs: () => number = Date.now): NewId {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (prefix) => {
    if (used + RANDOM_CHARS > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    let time = nowMs();
    let stamp = "";
    for (let i = 0; i < 10; i++) {
      stamp = ALPHABET.charAt(time % 32) + stamp;
      time = Math.floor(time / 32);
    }
    let random = "";
    for (let i = 0; i < RANDOM_CHARS; i++) random += ALPHABET.charAt((pool[used + i] ?? 0) & 31);
    used += RANDOM_CHARS;
    return `${prefix}_${stamp}${random}`;
  };
}

/** The id of something that exists once per parent: `childId("evt", "req_01jd…")` is `evt_01jd…`. */
export function childId(prefix: string, parentId: string): string {
  return `${prefix}_${parentId.slice(parentId.indexOf("_") + 1)}`;
}
