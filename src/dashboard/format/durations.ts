import { DAY_MS } from "./dates.ts";

const NAMES: Readonly<Record<string, string>> = {
  "1d": "daily",
  "24h": "every 24 hours",
  "7d": "weekly",
  "1w": "weekly",
  "30d": "monthly",
  "1mo": "monthly",
};
const UNITS: Readonly<Record<string, readonly [ms: number, name: string]>> = {
  s: [1000, "second"],
  m: [60_000, "minute"],
  h: [3_600_000, "hour"],
  d: [DAY_MS, "day"],
  w: [7 * DAY_MS, "week"],
};

/** A budget's duration in words: "1mo" is "monthly", "12h" is "every 12 hours", null is "never". */
export function formatDuration(duration: string | null): string {
  if (duration === null) return "never";
  const known = NAMES[duration];
  if (known !== undefined) return known;
  const [, count = "", unit = ""] = /^(\d+)([a-z]+)$/.exec(duration) ?? [];
  const name = unit === "mo" ? "month" : UNITS[unit]?.[1];
  if (name === undefined) return duration;
  return count === "1" ? `every ${name}` : `every ${count} ${name}s`;
}

/**
 * When the period that ends at `end` began, as nearly as its duration tells; null without a duration. Monthly
 * and 30-day budgets follow the calendar, so their length is that of the month.
 */
export function periodStart(duration: string | null, end: number): number | null {
  const [, count = "", unit = ""] = /^(\d+)([a-z]+)$/.exec(duration ?? "") ?? [];
  if (unit === "mo" || duration === "30d") {
    const start = new Date(end);
    start.setUTCMonth(start.getUTCMonth() - (unit === "mo" ? Number(count) : 1));
    return start.getTime();
  }
  const length = UNITS[unit]?.[0];
  return length === undefined ? null : end - Number(count) * length;
}
