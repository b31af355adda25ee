import { Temporal } from "temporal-polyfill";

/** Where and when a day begins for budgets: `litellm_settings.timezone` and `budget_reset_time`. */
export interface BudgetCalendar {
  /** IANA name, "Europe/Berlin". */
  readonly timeZone: string;
  /** Local time at which periods of a day or longer begin, "HH:MM:SS". */
  readonly resetTime: string;
}

/** A half-open span of time: start is in it, end is not. */
export interface Period {
  readonly start: Date;
  readonly end: Date;
}

export type DurationUnit = "s" | "m" | "h" | "d" | "w" | "mo";

export interface BudgetDuration {
  readonly count: number;
  readonly unit: DurationUnit;
}

const SECONDS: Readonly<Record<"s" | "m" | "h", number>> = { s: 1, m: 60, h: 3600 };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const LONGEST_DAYS = 3660;
const DAYS: Readonly<Record<"d" | "w" | "mo", number>> = { d: 1, w: 7, mo: 31 };

/** Reads "30d", "1mo", "12h" …: null for anything else, for zero and for more than ten years. */
export function parseBudgetDuration(text: string): BudgetDuration | null {
  const match = /^(\d{1,9})(s|m|h|d|w|mo)$/.exec(text);
  if (match?.[1] === undefined) return null;
  const count = Number(match[1]);
  const unit = match[2] as DurationUnit;
  const days =
    unit === "s" || unit === "m" || unit === "h" ? (count * SECONDS[unit]) / 86_400 : count * DAYS[unit];
  return count === 0 || days > LONGEST_DAYS ? null : { count, unit };
}

/**
 * The period that an instant lies in. Pure, so nothing has to run for a budget to be reset. Periods follow
 * each other without gap; all customers of a budget share them (LiteLLM's boundaries):
 * - a day, 24h: local days; 7d, a week: from Monday; 30d, a month: from the 1st;
 * - other counts of days, weeks, months: from the anchor's day, week, month on;
 * - up to a day of seconds, minutes, hours: multiples from the start of the smallest minute, hour or local
 *   day that holds one; the last one is cut off where that ends;
 * - longer than a day in hours and less: multiples from the start of the anchor's day.
 */
export function periodAt(
  duration: BudgetDuration,
  anchor: Date,
  calendar: BudgetCalendar,
  now: Date,
): Period {
  const { count, unit } = duration;
  if (unit === "d" || unit === "w" || unit === "mo") return calendarPeriod(duration, anchor, calendar, now);
  const lengthMs = count * SECONDS[unit] * 1000;
  if (lengthMs === DAY_MS) return calendarPeriod({ count: 1, unit: "d" }, anchor, calendar, now);
  if (lengthMs > DAY_MS) {
    const origin = zoned(anchor, calendar).startOfDay().epochMilliseconds;
    return multiple(lengthMs, origin, Number.POSITIVE_INFINITY, now.getTime());
  }
  return clockPeriod(lengthMs, calendar, now);
}

/** Periods within a minute, an hour or a local day. */
function clockPeriod(lengthMs: number, calendar: BudgetCalendar, now: Date): Period {
  const local = zoned(now, calendar);
  const nowMs = now.getTime();
  if (lengthMs > HOUR_MS) {
    const day = local.startOfDay();
    return multiple(lengthMs, day.epochMilliseconds, startOfNextDay(day), nowMs);
  }
  const fieldMs = lengthMs > MINUTE_MS ? HOUR_MS : MINUTE_MS;
  const offsetMs = local.offsetNanoseconds / 1e6;
  const fieldStart = Math.floor((nowMs + offsetMs) / fieldMs) * fieldMs - offsetMs;
  const { start, end } = multiple(lengthMs, fieldStart, fieldStart + fieldMs, nowMs);
  // Where the zone changes its offset in the middle of a field, the field ends there and another begins.
  const before =
    local.add({ nanoseconds: 1 }).getTimeZoneTransition("previous")?.epochMilliseconds ?? -Infinity;
  const after = local.getTimeZoneTransition("next")?.epochMilliseconds ?? Infinity;
  return {
    start: new Date(Math.max(start.getTime(), before)),
    end: new Date(Math.min(end.getTime(), after)),
  };
}

function startOfNextDay(day: Temporal.ZonedDateTime): number {
  return day.add({ days: 1 }).startOfDay().epochMilliseconds;
}

function multiple(lengthMs: number, originMs: number, limitMs: number, nowMs: number): Period {
  const startMs = originMs + Math.floor((nowMs - originMs) / lengthMs) * lengthMs;
  return { start: new Date(startMs), end: new Date(Math.min(startMs + lengthMs, limitMs)) };
}

/** Periods of whole local days, weeks or months. */
function calendarPeriod(
  { count, unit }: BudgetDuration,
  anchor: Date,
  calendar: BudgetCalendar,
  now: Date,
): Period {
  const today = budgetDay(now, calendar);
  const anchorDay = budgetDay(anchor, calendar);
  const days = (from: Temporal.PlainDate, step: number): [Temporal.PlainDate, Temporal.PlainDate] => {
    const passed = from.until(today, { largestUnit: "days" }).days;
    const start = from.add({ days: Math.floor(passed / step) * step });
    return [start, start.add({ days: step })];
  };
  const months = (from: Temporal.PlainDate, step: number): [Temporal.PlainDate, Temporal.PlainDate] => {
    const passed = (today.year - from.year) * 12 + today.month - from.month;
    const start = from.add({ months: Math.floor(passed / step) * step });
    return [start, start.add({ months: step })];
  };
  const monday = (day: Temporal.PlainDate): Temporal.PlainDate => day.subtract({ days: day.dayOfWeek - 1 });
  let span: [Temporal.PlainDate, Temporal.PlainDate];
  if (unit === "mo") span = months(anchorDay.with({ day: 1 }), count);
  else if (unit === "w") span = days(monday(anchorDay), count * 7);
  else if (count === 30) span = months(anchorDay.with({ day: 1 }), 1);
  else if (count === 7) span = days(monday(anchorDay), 7);
  else span = days(anchorDay, count);
  return { start: boundary(span[0], calendar), end: boundary(span[1], calendar) };
}

/** The local date whose period day holds the instant: before the reset time it is still yesterday's. */
function budgetDay(instant: Date, calendar: BudgetCalendar): Temporal.PlainDate {
  const date = zoned(instant, calendar).toPlainDate();
  if (instant >= boundary(date, calendar)) return date;
  return date.subtract({ days: 1 });
}

/** When a date's period day begins. A local time that the zone skips is the one after the gap. */
function boundary(date: Temporal.PlainDate, { timeZone, resetTime }: BudgetCalendar): Date {
  return new Date(date.toZonedDateTime({ timeZone, plainTime: resetTime }).epochMilliseconds);
}

function zoned(instant: Date, { timeZone }: BudgetCalendar): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone);
}
