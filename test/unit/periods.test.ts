import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type BudgetCalendar, parseBudgetDuration, periodAt } from "../../src/spend/periods.ts";

const UTC: BudgetCalendar = { timeZone: "UTC", resetTime: "00:00:00" };
const ANCHOR = new Date("2026-03-10T12:34:56Z");

function span(text: string, now: string, calendar = UTC, anchor = ANCHOR): [string, string] {
  const { start, end } = periodAt(parseBudgetDuration(text)!, anchor, calendar, new Date(now));
  return [start.toISOString().replace(".000Z", "Z"), end.toISOString().replace(".000Z", "Z")];
}

test.each<[string, string, string, string]>([
  ["1d", "2026-05-06T00:00:00Z", "2026-05-06T00:00:00Z", "2026-05-07T00:00:00Z"],
  ["24h", "2026-05-06T23:59:59Z", "2026-05-06T00:00:00Z", "2026-05-07T00:00:00Z"],
  ["7d", "2026-05-06T10:00:00Z", "2026-05-04T00:00:00Z", "2026-05-11T00:00:00Z"],
  ["1w", "2026-05-03T23:59:59Z", "2026-04-27T00:00:00Z", "2026-05-04T00:00:00Z"],
  ["30d", "2026-02-28T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
  ["1mo", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"],
  ["3mo", "2026-06-30T12:00:00Z", "2026-06-01T00:00:00Z", "2026-09-01T00:00:00Z"],
  ["2w", "2026-03-23T00:00:00Z", "2026-03-23T00:00:00Z", "2026-04-06T00:00:00Z"],
  ["10d", "2026-03-19T23:59:59Z", "2026-03-10T00:00:00Z", "2026-03-20T00:00:00Z"],
  ["10d", "2026-03-09T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-10T00:00:00Z"],
  ["5h", "2026-05-06T21:00:00Z", "2026-05-06T20:00:00Z", "2026-05-07T00:00:00Z"],
  ["15m", "2026-05-06T21:44:59Z", "2026-05-06T21:30:00Z", "2026-05-06T21:45:00Z"],
  ["45m", "2026-05-06T21:50:00Z", "2026-05-06T21:45:00Z", "2026-05-06T22:00:00Z"],
  ["90m", "2026-05-06T02:00:00Z", "2026-05-06T01:30:00Z", "2026-05-06T03:00:00Z"],
  ["30s", "2026-05-06T02:00:31Z", "2026-05-06T02:00:30Z", "2026-05-06T02:01:00Z"],
  ["48h", "2026-03-12T00:00:00Z", "2026-03-12T00:00:00Z", "2026-03-14T00:00:00Z"],
])("%s at %s is %s to %s", (duration, now, start, end) => {
  expect(span(duration, now)).toEqual([start, end]);
});

test("days follow the zone through its changes of the clock", () => {
  const berlin = { timeZone: "Europe/Berlin", resetTime: "00:00:00" };
  expect(span("1d", "2026-03-29T12:00:00Z", berlin)).toEqual([
    "2026-03-28T23:00:00Z",
    "2026-03-29T22:00:00Z",
  ]);
  expect(span("1mo", "2026-10-31T23:30:00Z", berlin)).toEqual([
    "2026-10-31T23:00:00Z",
    "2026-11-30T23:00:00Z",
  ]);
  // Cairo has no midnight on the last Friday of April.
  const cairo = { timeZone: "Africa/Cairo", resetTime: "00:00:00" };
  expect(span("1d", "2026-04-24T12:00:00Z", cairo)).toEqual(["2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"]);
});

test("the reset time moves periods of a day and longer, and no others", () => {
  const early = { timeZone: "UTC", resetTime: "06:30:00" };
  expect(span("1d", "2026-05-06T06:29:59Z", early)).toEqual(["2026-05-05T06:30:00Z", "2026-05-06T06:30:00Z"]);
  expect(span("1mo", "2026-05-01T06:00:00Z", early)).toEqual([
    "2026-04-01T06:30:00Z",
    "2026-05-01T06:30:00Z",
  ]);
  expect(span("12h", "2026-05-06T06:29:59Z", early)).toEqual([
    "2026-05-06T00:00:00Z",
    "2026-05-06T12:00:00Z",
  ]);
});

test.each(["", "monthly", "0s", "0d", "-1d", "1.5d", "1hr", "30", "1y", "99999999d", "1000mo", " 1d", "1D"])(
  "'%s' is no duration",
  (text) => {
    expect(parseBudgetDuration(text)).toBeNull();
  },
);

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "America/Havana",
  "Africa/Cairo",
  "Asia/Kathmandu",
  "Asia/Tokyo",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
  "Pacific/Apia",
];
const instant = fc
  .integer({ min: Date.parse("2019-01-01T00:00:00Z"), max: Date.parse("2031-01-01T00:00:00Z") })
  .map((ms) => new Date(ms));
const duration = fc
  .tuple(fc.integer({ min: 1, max: 130 }), fc.constantFrom("s", "m", "h", "d", "w", "mo"))
  .map(([count, unit]) => `${count}${unit}`)
  .filter((text) => parseBudgetDuration(text) !== null);

test("every instant lies in its period, and the next one begins where it ends", () => {
  fc.assert(
    fc.property(duration, instant, instant, fc.constantFrom(...ZONES), (text, anchor, now, timeZone) => {
      const calendar = { timeZone, resetTime: "00:00:00" };
      const parsed = parseBudgetDuration(text)!;
      const period = periodAt(parsed, anchor, calendar, now);
      expect(period.start.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(period.end.getTime()).toBeGreaterThan(now.getTime());
      expect(periodAt(parsed, anchor, calendar, period.start)).toEqual(period);
      expect(periodAt(parsed, anchor, calendar, new Date(period.end.getTime() - 1))).toEqual(period);
      expect(periodAt(parsed, anchor, calendar, period.end).start).toEqual(period.end);
    }),
    { numRuns: 2000 },
  );
});

const formats = new Map(
  ZONES.map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat("en-u-ca-iso8601-hc-h23", {
      timeZone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
    }),
  ]),
);

/** The local calendar by Intl alone: days since 1970 of the date on the wall, and months since year 0. */
function wall(ms: number, timeZone: string, resetHour: number): { day: number; month: number } {
  const format = formats.get(timeZone)!;
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const field = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN;
  let day = Date.UTC(field("year"), field("month") - 1, field("day")) / 86_400_000;
  if (field("hour") < resetHour) day--;
  const date = new Date(day * 86_400_000);
  return { day, month: date.getUTCFullYear() * 12 + date.getUTCMonth() };
}

/** Which period an instant is in, as a number that grows with time. 1970-01-05 was a Monday. */
function label(text: string, ms: number, anchorMs: number, zone: [string, number]): number {
  const at = wall(ms, ...zone);
  const from = wall(anchorMs, ...zone);
  const monday = (day: number): number => Math.floor((day - 4) / 7);
  const count = Number.parseInt(text, 10);
  if (text === "30d") return at.month;
  if (text.endsWith("mo")) return Math.floor((at.month - from.month) / count);
  if (text.endsWith("w")) return Math.floor((monday(at.day) - monday(from.day)) / count);
  if (text === "7d") return monday(at.day);
  return Math.floor((at.day - from.day) / count);
}

test("calendar periods agree with a search for the moment at which the wall calendar turns", () => {
  const calendarDuration = fc.oneof(
    fc.constantFrom("1d", "7d", "30d", "1w", "1mo"),
    fc.integer({ min: 2, max: 40 }).map((count) => `${count}d`),
    fc.integer({ min: 2, max: 5 }).map((count) => `${count}w`),
    fc.integer({ min: 2, max: 14 }).map((count) => `${count}mo`),
  );
  // Zones change their clocks at night: a reset time in the repeated hour has no obvious answer by the wall.
  const reset = fc.constantFrom(0, 4, 12, 23);
  fc.assert(
    fc.property(
      fc.record({ text: calendarDuration, anchor: instant, now: instant, resetHour: reset }),
      fc.constantFrom(...ZONES),
      ({ text, anchor, now, resetHour }, timeZone) => {
        const zone: [string, number] = [timeZone, resetHour];
        const index = (ms: number): number => label(text, ms, anchor.getTime(), zone);
        const wanted = index(now.getTime());
        const turn = (low: number, high: number, reached: (ms: number) => boolean): number => {
          let [before, after] = [low, high];
          while (after - before > 1) {
            const middle = Math.floor((before + after) / 2);
            if (reached(middle)) after = middle;
            else before = middle;
          }
          return after;
        };
        const far = 500 * 86_400_000;
        const start = turn(now.getTime() - far, now.getTime(), (ms) => index(ms) >= wanted);
        const end = turn(now.getTime(), now.getTime() + far, (ms) => index(ms) > wanted);
        const resetTime = `${String(resetHour).padStart(2, "0")}:00:00`;
        const period = periodAt(parseBudgetDuration(text)!, anchor, { timeZone, resetTime }, now);
        expect([period.start.getTime(), period.end.getTime()]).toEqual([start, end]);
      },
    ),
    { numRuns: 200 },
  );
}, 300_000);
