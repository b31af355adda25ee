const SECOND = 1000;
const HOUR = 3600 * SECOND;

const JITTER = 0.2;
const LONGEST_RETRY_AFTER_MS = 24 * HOUR;

/**
 * Milliseconds to wait after the given attempt (1-indexed) before the next, spread by ±20 %; null when
 * that was the last one. `random` is in [0, 1). A receiver's Retry-After can only lengthen the wait.
 */
export function nextWaitMs(
  attempt: number,
  by: {
    readonly schedule: readonly number[];
    readonly random: number;
    readonly retryAfterMs: number | null;
  },
): number | null {
  const wait = by.schedule[attempt];
  if (wait === undefined) return null;
  const spread = Math.round(wait * (1 - JITTER + 2 * JITTER * by.random));
  return Math.max(spread, by.retryAfterMs ?? 0);
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
