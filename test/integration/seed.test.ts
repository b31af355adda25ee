import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import { emptyStore } from "../../src/seed/empty-store.ts";
import { seedStore } from "../../src/seed/seed-store.ts";
import { verifyLedger } from "../../src/spend/verify-ledger.ts";
import { createVerifySource } from "../../src/spend/verify-store.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../../src/webhooks/event-body.ts";
import { LEDGER_OPTIONS } from "../support/ledger-parts.ts";
import { openTestStore } from "../support/test-store.ts";

const newId = createIds();
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());
beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("seed"), appName: "test" });
  await ensureIndexes(store);
  return async () => {
    await store.db.dropDatabase();
    await store.close();
  };
});

async function seed(seedNumber: number): Promise<void> {
  await seedStore(store, {
    customers: 30,
    charges: 500,
    days: 40,
    seed: seedNumber,
    until: new Date("2026-11-28T12:00:00Z"),
    keyHash: "k",
    defaults: LEDGER_OPTIONS,
    planner: { serializeCharge: serializeSpendTracked, serializeBudget: serializeBudgetEvent },
    progress: () => {},
  });
}

async function everything(): Promise<unknown[]> {
  const { customers, budgets, events, dailySpend, dailyTotals, dailyRefusals } = store.collections;
  return Promise.all([
    customers.find({}).sort({ _id: 1 }).toArray(),
    budgets.find({}).sort({ _id: 1 }).toArray(),
    events.find({}).sort({ _id: 1 }).toArray(),
    dailySpend.find({}).sort({ _id: 1 }).toArray(),
    dailyTotals.find({}).sort({ _id: 1 }).toArray(),
    dailyRefusals.find({}).sort({ _id: 1 }).toArray(),
  ]);
}

test("made-up data adds up: verify finds no difference, and nothing waits to be delivered or reviewed", async () => {
  await seed(1);
  const report = await verifyLedger(createVerifySource(store));
  expect([report.differences, report.charges]).toEqual([[], 500]);
  const { customers, deliveries, events } = store.collections;
  expect(await customers.countDocuments()).toBe(30);
  expect(await deliveries.countDocuments()).toBe(0);
  const until = new Date("2026-11-28T12:00:00Z");
  expect(await customers.countDocuments({ reviewAt: { $lte: until } })).toBe(0);
  expect(await events.countDocuments({ type: "budget_reset" })).toBeGreaterThan(0);
  expect(await customers.countDocuments({ utilization: { $gte: 0.8 } })).toBeGreaterThan(0);
  const charge = await events.findOne({ type: "spend_tracked" });
  expect(JSON.parse(charge?.body ?? "")).toMatchObject({ event: "spend_tracked", id: charge?._id });
});

test("the same seed makes the same data, another one other data", async () => {
  await seed(7);
  const first = await everything();
  await emptyStore(store, true);
  await seed(7);
  expect(await everything()).toEqual(first);
  await emptyStore(store, true);
  await seed(8);
  expect(await everything()).not.toEqual(first);
});

test("a store that has customers is refused, unless it may be emptied", async () => {
  await seed(1);
  await expect(emptyStore(store, false)).rejects.toThrow(/has customers/);
  expect(await store.collections.customers.countDocuments()).toBe(30);
  await emptyStore(store, true);
  expect((await everything()).flat()).toEqual([]);
});
