import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardApp } from "../../support/dashboard-app.ts";
import { enoughOfTheDay } from "../../support/day-and-hour.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Money {
  readonly spend: number;
  readonly calls: number;
}
interface Overview {
  readonly today: Money;
  readonly yesterday: Money;
  readonly range: Money & { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly previous: Money;
  readonly days: (Money & { readonly date: string; readonly models: Record<string, number> })[];
  readonly top_customers: { readonly user_id: string; readonly spend: number }[];
  readonly near_budget: { readonly user_id: string; readonly utilization: number }[];
  readonly near_count: number;
  readonly over_count: number;
  readonly refused: {
    readonly calls: number;
    readonly usd: number;
    readonly by_reason: Record<string, number>;
  };
  readonly unpriced: { readonly calls: number; readonly models: Record<string, number> };
  readonly webhooks: { readonly pending: number; readonly lag_seconds: number; readonly failing: object[] };
}

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
let app: DashboardApp;
beforeAll(async () => {
  await enoughOfTheDay();
  app = await DashboardApp.start({ proxies: 2 });
});
afterAll(() => app.close());

const overview = (from = -6, to = 0): Promise<Overview> =>
  app.ok("GET", `/spend/overview?from=${day(from)}&to=${day(to)}`);

test("an empty service has an overview of zeros", async () => {
  const fresh = await DashboardApp.start();
  try {
    const empty = await fresh.ok<Overview>("GET", `/spend/overview?from=${day(-6)}&to=${day(0)}`);
    expect(empty.days).toHaveLength(7);
    expect(empty).toMatchObject({
      today: { spend: 0, calls: 0 },
      range: { spend: 0, calls: 0, prompt_tokens: 0, completion_tokens: 0 },
      top_customers: [],
      near_budget: [],
      near_count: 0,
      refused: { calls: 0, usd: 0, by_reason: {} },
      unpriced: { calls: 0, models: {} },
      webhooks: { pending: 0, lag_seconds: 0, failing: [] },
    });
  } finally {
    await fresh.close();
  }
});

test("calls through every proxy add up by day and model, and yesterday's are told apart", async () => {
  const before = await overview();
  await Promise.all(Array.from({ length: 10 }, (_, at) => app.chat(`sum-${at % 3}`, {}, at % 2)));
  await app.chat("sum-0", { model: "free" }, 1);
  const after = await overview();
  expect(after.today.calls - before.today.calls).toBe(11);
  const customers = await app.ok<{ spend: number }[]>("GET", "/customer/list");
  const all = customers.reduce((sum, { spend }) => sum + Math.round(spend * 1e9), 0);
  expect(Math.round(after.today.spend * 1e9)).toBe(all);
  expect(after.range).toMatchObject(after.today);
  expect(after.range.prompt_tokens).toBeGreaterThan(0);
  expect(after.days.at(-1)).toMatchObject({ date: day(0), ...after.today });
  expect(after.days.at(-1)?.models).toEqual({ m: after.today.spend, free: 0 });
  expect(after.unpriced.models["free"]).toBe(after.unpriced.calls);
  expect(after.unpriced.calls).toBeGreaterThan(0);
  const shards = await app.store.collections.dailyTotals.distinct("shard");
  expect(shards.length).toBe(2);

  const { dailyTotals } = app.store.collections;
  const sums = { promptTokens: 5n, completionTokens: 5n, unpricedCalls: 0n, shard: "old", model: "m" };
  await dailyTotals.insertMany([
    { _id: "a", day: day(-1), costNano: 2_000_000_000n, calls: 2n, ...sums },
    { _id: "b", day: day(-7), costNano: 3_000_000_000n, calls: 3n, ...sums },
    { _id: "c", day: day(-14), costNano: 9_000_000_000n, calls: 9n, ...sums },
  ]);
  const wide = await overview();
  expect(wide.yesterday).toEqual({ spend: 2, calls: 2 });
  expect(wide.previous).toEqual({ spend: 3, calls: 3 });
  expect(wide.days.at(-2)).toEqual({ date: day(-1), spend: 2, calls: 2, models: { m: 2 } });
  expect((await overview(-30, -20)).range.calls).toBe(0);
  await dailyTotals.deleteMany({ shard: "old" });
});

test("who spends most and who is near a budget, highest first", async () => {
  for (const [user_id, spend] of [
    ["near-1", 8.5],
    ["near-2", 12],
    ["near-3", 7.9],
  ] as const) {
    await app.ok("POST", "/customer/new", { user_id, spend, max_budget: 10 });
  }
  await app.ok("POST", "/customer/new", { user_id: "rich", spend: 100 });
  const { top_customers, near_budget, near_count, over_count } = await overview();
  expect(top_customers.slice(0, 4).map(({ user_id }) => user_id)).toEqual([
    "rich",
    "near-2",
    "near-1",
    "near-3",
  ]);
  expect(near_budget.map(({ user_id, utilization }) => [user_id, utilization])).toEqual([
    ["near-2", 1.2],
    ["near-1", 0.85],
  ]);
  expect([near_count, over_count]).toEqual([2, 1]);
  await app.ok("POST", "/customer/delete", { user_ids: ["near-1", "near-2", "near-3", "rich"] });
});

test("refused calls are counted by reason within seconds, with what they would have cost", async () => {
  await app.ok("POST", "/customer/new", { user_id: "poor", max_budget: "0.000000001" });
  await app.ok("POST", "/customer/new", { user_id: "barred", blocked: true });
  const before = (await overview()).refused;
  const refused = [
    await app.chat("poor", {}, 0),
    await app.chat("poor", {}, 1),
    await app.chat("barred", {}, 0),
  ];
  expect(refused.map(({ status }) => status)).toEqual([422, 422, 400]);
  const { needed } = (refused[0]!.json as { error: { budget: { needed: number } } }).error.budget;
  // Its own mistakes are nobody's refusals.
  expect((await app.chat("poor", { model: "no-such-model" })).status).toBe(404);
  await waitUntil("the refusals of both proxies", async () => {
    const { calls } = (await overview()).refused;
    return calls - before.calls === 3;
  });
  const after = (await overview()).refused;
  expect(after.by_reason).toEqual({ budget_exceeded: 2, customer_blocked: 1 });
  expect(Math.round((after.usd - before.usd) * 1e9)).toBe(Math.round(needed * 2e9));
});

test("refusals that a proxy has not yet written are written when it stops", async () => {
  const two = await DashboardApp.start();
  try {
    await two.ok("POST", "/customer/new", { user_id: "barred", blocked: true });
    await two.chat("barred");
    await two.stop(0);
    const rows = await two.store.collections.dailyRefusals.find({}).toArray();
    expect(rows).toMatchObject([{ day: day(0), code: "customer_blocked", calls: 1n, usdNano: 0n }]);
  } finally {
    await two.close();
  }
});
