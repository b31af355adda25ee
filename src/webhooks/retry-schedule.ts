const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits before attempt 1, 2, 3 …: 12 tries over 75 h 42 m 35 s. */
export const RETRY_WAITS_MS: readonly number[] = [
  0,
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

const JITTER = 0.2;
const LONGEST_RETRY_AFTER_MS = 24 * HOUR;

/**
 * Milliseconds to wait after the given attempt (1-indexed) before the next, spread by ±20 %; null when
 * that was the last one. `random` is in [0, 1). A receiver's Retry-After can only lengthen the wait.
 */
export function nextWaitMs(attempt: number, random: number, retryAfterMs: number | null): number | null {
  const wait = RETRY_WAITS_MS[attempt];
  if (wait === undefined) return null;
  const spread = Math.round(wait * (1 - JITTER + 2 * JITTER * random));
  return Math.max(spread, retryAfterMs ?? 0);
}

/**
 * Reads a Retry-After header: seconds (also with decimals) or an HTTP date. Null for what is neither or
 * lies in the past; never more than 24 h.
 */
export function parseRetryAfter(value: string | undefined, now: Date): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  const ms = /^\d{1,12}(\.\d+)?$/.test(text) ? Number(text) * SECOND : dateMs(text) - now.getTime();
  return Number.isFinite(ms) && ms > 0 ? Math.min(Math.round(ms), LONGEST_RETRY_AFTER_MS) : null;
}

/** Only what looks like a date: Date.parse would read "-5" as a year. */
function dateMs(text: string): number {
  return /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
}
