import type { Day } from "../api/schemas/customers.ts";
import { DAY_MS } from "../format/dates.ts";

export interface BurnDownInput {
  readonly max: number;
  readonly spend: number;
  /** Epoch ms; null when the budget is never reset. */
  readonly start: number | null;
  readonly end: number | null;
  readonly now: number;
  readonly days: readonly Day[];
  /** What will have been spent by the end, at the pace so far. */
  readonly projectedSpend: number | null;
  readonly exceededAt: number | null;
}

/** What is left of a budget over time, in USD; all lists are as long as `times`. */
export interface BurnDown {
  /** Epoch seconds, ascending. */
  readonly times: readonly number[];
  readonly left: readonly (number | null)[];
  /** What would be left if every day cost the same. Empty places are on the line between. */
  readonly straight: readonly (number | null)[];
  readonly forecast: readonly (number | null)[];
}

/**
 * Reckoned back from what is left now, so that the line ends at the figure beside it whatever share of its
 * first day belongs to the period.
 */
export function burnDown(input: BurnDownInput): BurnDown {
  const { max, spend, end, now, days, projectedSpend, exceededAt } = input;
  const firstDay = days[0] === undefined ? now : midnight(days[0].date);
  const start = Math.min(input.start ?? firstDay, now);
  const leftAt = (time: number): number => {
    const later = days.reduce((sum, day) => (midnight(day.date) >= time ? sum + day.spend : sum), 0);
    return Math.max(0, Math.min(max, max - spend + later));
  };
  const midnights = days.map(({ date }) => midnight(date)).filter((time) => time > start && time < now);
  const hitsZero = exceededAt !== null && exceededAt > now && end !== null && exceededAt < end;
  const marks = [start, ...midnights, now, ...(hitsZero ? [exceededAt] : []), ...(end === null ? [] : [end])];
  const times = [...new Set(marks)].sort((a, b) => a - b);
  const leftNow = Math.max(0, max - spend);
  const atEnd = projectedSpend === null ? null : Math.max(0, max - projectedSpend);
  return {
    times: times.map((time) => time / 1000),
    left: times.map((time) => {
      if (time > now) return null;
      if (time === now) return leftNow;
      return time === start && input.start !== null ? max : leftAt(time);
    }),
    straight: times.map((time) => {
      if (input.start === null || end === null) return null;
      return time === start ? max : time === end ? 0 : null;
    }),
    forecast: times.map((time) => {
      if (end === null || atEnd === null || time < now) return null;
      if (time === now) return leftNow;
      if (hitsZero && time >= exceededAt) return 0;
      return time === end ? atEnd : null;
    }),
  };
}

function midnight(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** Which days to ask for: the period's, or the last thirty. */
export function activityDays(start: number | null, now: number): { from: string; to: string } {
  const earliest = now - 365 * DAY_MS;
  const from = Math.max(earliest, start ?? now - 29 * DAY_MS);
  return { from: new Date(from).toISOString().slice(0, 10), to: new Date(now).toISOString().slice(0, 10) };
}
