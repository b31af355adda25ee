import { waitUntil } from "./wait-until.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than a file of tests on a busy machine. */
const ENOUGH_MS = 120_000;

/**
 * The beginning of the running hour, for tests that keep a clock of their own beside a real store: the store expires
 * rows by the real time, so that one from a fixed day is there on some days and gone on others.
 */
export function thisHour(): Date {
  return new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS);
}

/** Resolves when enough of the UTC day is left for tests whose calls must all be of one day: now, but near midnight. */
export async function enoughOfTheDay(): Promise<void> {
  await waitUntil("a new day", () => DAY_MS - (Date.now() % DAY_MS) > ENOUGH_MS, 2 * ENOUGH_MS);
}
