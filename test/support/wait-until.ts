import { setTimeout as delay } from "node:timers/promises";

/** Soon at first, then more and more rarely: what takes long must not be asked for all the time. */
const POLL_MS = { first: 10, factor: 1.25, longest: 250 } as const;
const DEADLINE_MS = 60_000;

/**
 * Polls until the condition gives something other than false, null and undefined, and resolves with it.
 * At the deadline it throws what was waited for, with the last error the condition threw, if it did.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  deadlineMs: number = DEADLINE_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + deadlineMs;
  let cause: unknown;
  for (let pollMs: number = POLL_MS.first; ; pollMs = Math.min(pollMs * POLL_MS.factor, POLL_MS.longest)) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as NonNullable<Exclude<T, false>>;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}`, { cause });
    }
    await delay(pollMs);
  }
}
