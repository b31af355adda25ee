import { expect, test } from "vitest";
import { activityDays, type BurnDownInput, burnDown } from "../../../src/dashboard/customer/burn-down.ts";
import { lastDays, lengthOf, readRange } from "../../../src/dashboard/overview/range.ts";
import { OTHERS, stackDays } from "../../../src/dashboard/overview/stack-days.ts";

const at = (text: string): number => Date.parse(text);
const day = (date: string, models: Record<string, number>) => ({
  date,
  spend: Object.values(models).reduce((sum, usd) => sum + usd, 0),
  calls: 1,
  models,
});

test("days stack by model, the most expensive at the bottom and the smallest together", () => {
  const days = [day("2026-11-01", { a: 1, b: 5, c: 0.5 }), day("2026-11-02", { a: 1, d: 0.25 })];
  expect(stackDays(days, 3)).toEqual({
    models: ["b", "a", OTHERS],
    totals: [5, 2, 0.75],
    values: [
      [5, 0],
      [1, 1],
      [0.5, 0.25],
    ],
    tops: [
      [5, 0],
      [6, 1],
      [6.5, 1.25],
    ],
  });
  expect(stackDays(days, 4).models).toEqual(["b", "a", "c", "d"]);
  expect(stackDays([], 3).models).toEqual([]);
});

const MONTH: BurnDownInput = {
  max: 10,
  spend: 6,
  start: at("2026-11-01T00:00:00Z"),
  end: at("2026-12-01T00:00:00Z"),
  now: at("2026-11-03T12:00:00Z"),
  days: [day("2026-11-01", { a: 1 }), day("2026-11-02", { a: 2 }), day("2026-11-03", { a: 3 })],
  projectedSpend: 72,
  exceededAt: at("2026-11-05T00:00:00Z"),
};

test("a burn-down goes from the whole budget to what is left now, and on to where the pace leads", () => {
  const { times, left, straight, forecast } = burnDown(MONTH);
  expect(times.map((time) => new Date(time * 1000).toISOString().slice(5, 13))).toEqual([
    "11-01T00",
    "11-02T00",
    "11-03T00",
    "11-03T12",
    "11-05T00",
    "12-01T00",
  ]);
  expect(left).toEqual([10, 9, 7, 4, null, null]);
  expect(straight).toEqual([10, null, null, null, null, 0]);
  expect(forecast).toEqual([null, null, null, 4, 0, 0]);
});

test("a pace within the budget leads to what will be left", () => {
  const { forecast } = burnDown({ ...MONTH, projectedSpend: 8, exceededAt: null });
  expect(forecast).toEqual([null, null, null, 4, 2]);
});

test("a budget that is never reset has neither a straight line nor a forecast", () => {
  const never = { ...MONTH, start: null, end: null, projectedSpend: null, exceededAt: null };
  const { left, straight, forecast } = burnDown(never);
  expect(left).toEqual([10, 9, 7, 4]);
  expect([...straight, ...forecast].every((value) => value === null)).toBe(true);
});

test("spend over the budget leaves nothing, not less", () => {
  expect(burnDown({ ...MONTH, spend: 12 }).left.at(3)).toBe(0);
});

test("a burn-down asks for the days of its period, a year at most, or the last thirty", () => {
  const now = at("2026-11-24T10:00:00Z");
  expect(activityDays(at("2026-11-01T00:00:00Z"), now)).toEqual({ from: "2026-11-01", to: "2026-11-24" });
  expect(activityDays(at("2020-01-01T00:00:00Z"), now).from).toBe("2025-11-24");
  expect(activityDays(null, now).from).toBe("2026-10-26");
});

test.each<[Record<string, string>, { from: string; to: string }]>([
  [{}, { from: "2026-10-26", to: "2026-11-24" }],
  [{ days: "7" }, { from: "2026-11-18", to: "2026-11-24" }],
  [{ days: "12345" }, { from: "2026-10-26", to: "2026-11-24" }],
  [
    { from: "2026-01-01", to: "2026-01-31", days: "7" },
    { from: "2026-01-01", to: "2026-01-31" },
  ],
  [
    { from: "yesterday", to: "2026-01-31" },
    { from: "2026-10-26", to: "2026-11-24" },
  ],
])("the address %j means %j", (query, range) => {
  expect(readRange((name) => query[name] ?? null, at("2026-11-24T10:00:00Z"))).toEqual(range);
});

test("a range counts both of its ends", () => {
  expect(lengthOf(lastDays(30, at("2026-11-24T10:00:00Z")))).toBe(30);
  expect(lengthOf({ from: "2026-11-24", to: "2026-11-24" })).toBe(1);
});
