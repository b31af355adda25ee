import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addDays, daysOf } from "../../src/spend/days.ts";
import { LiveFeed, type LiveSpend } from "../../src/spend/live-feed.ts";
import { createRefusalCounter, type Refusals } from "../../src/spend/refusal-counter.ts";
import { utilizationOf } from "../../src/spend/utilization.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each<[bigint, bigint | null, number | null]>([
  [5n, null, null],
  [0n, 10n, 0],
  [0n, 0n, 0],
  [1n, 0n, 1],
  [9n, 10n, 0.9],
  [10n, 10n, 1],
  [25n, 10n, 2.5],
  [9_999_999n, 10_000_000n, 0.999],
  [10_009_999n, 10_000_000n, 1],
  [4_650_000_000n, 5_000_000_000n, 0.93],
])("%d of %d is %d", (spent, max, expected) => {
  expect(utilizationOf(spent, max)).toBe(expected);
});

test("more spend is never a lower utilization, and one or more exactly when the maximum is reached", () => {
  const nano = fc.bigInt({ min: 0n, max: 10n ** 18n });
  fc.assert(
    fc.property(nano, nano, fc.bigInt({ min: 1n, max: 10n ** 18n }), (a, b, max) => {
      const [less, more] = a < b ? [a, b] : [b, a];
      expect(utilizationOf(less, max)!).toBeLessThanOrEqual(utilizationOf(more, max)!);
      expect(utilizationOf(more, max)! >= 1).toBe(more >= max);
    }),
  );
});

test("days run over months, leap years and changes of the clock", () => {
  expect(daysOf({ from: "2028-02-28", to: "2028-03-01" })).toEqual([
    "2028-02-28",
    "2028-02-29",
    "2028-03-01",
  ]);
  expect(daysOf({ from: "2026-03-28", to: "2026-03-30" })).toHaveLength(3);
  expect(daysOf({ from: "2026-01-02", to: "2026-01-01" })).toEqual([]);
  expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
});

function spend(customerId: string, sequence: bigint, spendNano = sequence): LiveSpend {
  return { customerId, spendNano, sequence };
}

function openFeed() {
  const published: (readonly LiveSpend[])[] = [];
  const feed = new LiveFeed({
    publish: (spends) => published.push(spends),
    listen: vi.fn<() => void>(),
  });
  const taken: string[] = [];
  const end = vi.fn<() => void>();
  const stop = feed.watch({ take: (events) => taken.push(events), end });
  return { feed, published, taken, end, stop };
}

const event = (id: string, usd: string, sequence: number): string =>
  `event: spend\ndata: {"customer_id":"${id}","spend":${usd},"sequence":${sequence}}\n\n`;

test("many charges of a customer within a moment are one event with the latest", () => {
  const { feed, published, taken } = openFeed();
  feed.spent([spend("ada", 1n), spend("bob", 1n)]);
  feed.spent([spend("ada", 3n)]);
  feed.heard([spend("ada", 2n)]);
  expect(taken).toEqual([]);
  vi.advanceTimersByTime(250);
  expect(taken).toEqual([event("ada", "0.000000003", 3) + event("bob", "0.000000001", 1)]);
  expect(published).toEqual([[spend("ada", 3n), spend("bob", 1n)]]);
  vi.advanceTimersByTime(10_000);
  expect(taken).toHaveLength(1);
});

test("what others have charged is shown and not told again; changes are shown at once", () => {
  const { feed, published, taken } = openFeed();
  feed.heard([spend("ada", 2n)]);
  feed.changed({ kind: "budget", id: "tier" });
  expect(taken).toEqual(['event: change\ndata: {"kind":"budget","id":"tier"}\n\n']);
  vi.advanceTimersByTime(250);
  expect(taken[1]).toBe(event("ada", "0.000000002", 2));
  expect(published).toEqual([]);
});

test("without watchers nothing is kept for them, and others are still told", () => {
  const { feed, published, taken, stop } = openFeed();
  stop?.();
  feed.heard([spend("ada", 1n)]);
  feed.spent([spend("bob", 1n)]);
  vi.advanceTimersByTime(250);
  expect([published.length, taken]).toEqual([1, []]);
});

test("there is an end to watchers, and a feed that stops ends them and takes none", () => {
  const { feed, end } = openFeed();
  const watcher = () => ({ take: () => {}, end });
  const stops = Array.from({ length: 99 }, () => feed.watch(watcher()));
  expect(stops).not.toContain(null);
  expect(feed.watch(watcher())).toBeNull();
  stops[0]?.();
  expect(feed.watch(watcher())).not.toBeNull();
  feed.end();
  expect(end).toHaveBeenCalledTimes(100);
  expect(feed.watch(watcher())).toBeNull();
});

test("a closing feed publishes what it still has, in messages of bounded size", () => {
  const { feed, published } = openFeed();
  feed.spent(Array.from({ length: 1200 }, (_, at) => spend(`c${at}`, 1n)));
  feed.close();
  expect(published.map((spends) => spends.length)).toEqual([500, 500, 200]);
});

test("refusals are added up by day and reason, and what cannot be written is kept", async () => {
  const written: Refusals[][] = [];
  let isDown = true;
  let now = new Date("2026-11-24T23:59:59Z");
  const counter = createRefusalCounter({
    write: (refused) => {
      if (isDown) return Promise.reject(new Error("The store is down"));
      written.push([...refused]);
      return Promise.resolve();
    },
    now: () => now,
  });
  await counter.flush();
  counter.note("budget_exceeded", 5n);
  await expect(counter.flush()).rejects.toThrow("down");
  counter.note("budget_exceeded", 7n);
  counter.note("rate_limited", 0n);
  now = new Date("2026-11-25T00:00:00Z");
  counter.note("rate_limited", 0n);
  isDown = false;
  await counter.flush();
  await counter.flush();
  expect(written).toEqual([
    [
      { day: "2026-11-24", code: "budget_exceeded", calls: 2n, usdNano: 12n },
      { day: "2026-11-24", code: "rate_limited", calls: 1n, usdNano: 0n },
      { day: "2026-11-25", code: "rate_limited", calls: 1n, usdNano: 0n },
    ],
  ]);
});
