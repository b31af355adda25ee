import { DAY_MS, dayOf } from "../format/dates.ts";

/** UTC days, both inclusive. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

export const PRESETS = [7, 30, 90] as const;
export const DEFAULT_DAYS = 30;

/** The last so many days, today included. */
export function lastDays(count: number, now: number): DayRange {
  return { from: dayOf(now - (count - 1) * DAY_MS), to: dayOf(now) };
}

/** How many days a range has. */
export function lengthOf({ from, to }: DayRange): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The range that the address names: `days`, or `from` and `to`; otherwise the usual one. */
export function readRange(get: (name: string) => string | null, now: number): DayRange {
  const [from, to] = [get("from") ?? "", get("to") ?? ""];
  if (DAY.test(from) && DAY.test(to)) return { from, to };
  const days = Number(get("days"));
  return lastDays(PRESETS.find((preset) => preset === days) ?? DEFAULT_DAYS, now);
}
