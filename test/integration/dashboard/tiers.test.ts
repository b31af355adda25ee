import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { reviewTiers } from "../../../src/customers/review-tiers.ts";
import { createIds } from "../../../src/lib/ids.ts";
import { createLedgerStore } from "../../../src/spend/ledger-store.ts";
import { reviewAccounts } from "../../../src/spend/review-accounts.ts";
import { DashboardApp } from "../../support/dashboard-app.ts";
import { plainPlanner } from "../../support/ledger-parts.ts";

const MANY = 1300;
const DOLLAR = 1_000_000_000n;
let app: DashboardApp;
beforeAll(async () => {
  app = await DashboardApp.start({ litellmSettings: { max_end_user_budget_id: "default" } });
});
afterAll(() => app.close());
beforeEach(async () => {
  const { customers, budgets, tierReviews } = app.store.collections;
  await Promise.all([customers.deleteMany({}), budgets.deleteMany({}), tierReviews.deleteMany({})]);
});

/** So many customers of a tier, each with five dollars spent. */
async function haveCustomers(count: number, budgetId: string): Promise<void> {
  const { customers } = app.store.collections;
  await app.ok("POST", "/customer/new", { user_id: "template", budget_id: budgetId });
  const one = await customers.findOne({ _id: "template" });
  if (one === null) throw new Error("The template is gone");
  await customers.deleteOne({ _id: "template" });
  const account = { spendNano: 5n * DOLLAR, spendOffsetNano: 5n * DOLLAR, utilization: 0.5, reviewAt: null };
  await customers.insertMany(
    Array.from({ length: count }, (_, at) => ({ ...one, ...account, _id: `c${at}` })),
  );
}

/** What the maintenance worker does every second. */
async function maintain(): Promise<void> {
  const { config, store } = app;
  const now = (): Date => new Date();
  await reviewTiers({ store, defaultBudgetId: config.budgets.defaultBudgetId, now });
  await reviewAccounts({
    store: createLedgerStore(store, config.budgets),
    planner: plainPlanner(() => []),
    newId: createIds(),
    now,
    announce: () => {},
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
}

const countAt = (utilization: number | null): Promise<number> =>
  app.store.collections.customers.countDocuments({ utilization });
const usage = async (id: string): Promise<object | undefined> =>
  (await app.ok<{ budget_id: string }[]>("GET", "/budget/list?usage=true")).find(
    (row) => row.budget_id === id,
  );

test.each([20, MANY])("a changed maximum reaches %i customers of a tier", async (count) => {
  await app.ok("POST", "/budget/new", { budget_id: "tier", max_budget: 10 });
  await haveCustomers(count, "tier");
  const crossed = { type: "budget_crossed", customerId: "c0" } as const;
  const before = await app.store.collections.events.countDocuments(crossed);
  await app.ok("POST", "/budget/update", { budget_id: "tier", max_budget: 4 });
  // Few are seen to in the request itself; with many it would hold up everybody else.
  expect(await app.store.collections.tierReviews.countDocuments()).toBe(count === MANY ? 1 : 0);
  await maintain();
  expect(await countAt(1.25)).toBe(count);
  expect(await usage("tier")).toMatchObject({ customers: count, near: count, over: count });
  expect(await app.store.collections.tierReviews.countDocuments()).toBe(0);
  expect(await app.store.collections.events.countDocuments(crossed)).toBe(before + 1);
});

test("a change while an earlier one is still being seen to is seen to as well", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "tier", max_budget: 10 });
  await haveCustomers(MANY, "tier");
  await app.ok("POST", "/budget/update", { budget_id: "tier", max_budget: 4 });
  const [first] = await app.store.collections.tierReviews.find({}).toArray();
  await app.ok("POST", "/budget/update", { budget_id: "tier", max_budget: 20 });
  const [second] = await app.store.collections.tierReviews.find({}).toArray();
  expect(second?.since).not.toEqual(first?.since);
  await maintain();
  expect(await countAt(0.25)).toBe(MANY);
});

test("customers of a deleted tier have the default one at once, however many they are", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "default", max_budget: 50 });
  await app.ok("POST", "/budget/new", { budget_id: "tier", max_budget: 10 });
  await haveCustomers(MANY, "tier");
  await app.ok("POST", "/budget/delete", { id: "tier" });
  const shown = await app.ok<object>("GET", "/customer/info?end_user_id=c7");
  expect(shown).toMatchObject({ litellm_budget_table: null, effective_budget_id: "default", max_budget: 50 });
  expect((await app.chat("c7")).headers.get("x-spendhook-budget-remaining")).toMatch(/^44\.99/);
  // Whoever still names the old one would be put on the new one.
  const again = await app.call("POST", "/budget/new", { body: { budget_id: "tier", max_budget: 1 } });
  expect([again.status, again.text]).toEqual([400, expect.stringContaining("still being deleted") as string]);
  await maintain();
  const { customers } = app.store.collections;
  expect(await customers.countDocuments({ budgetId: "tier" })).toBe(0);
  expect(await usage("default")).toMatchObject({ customers: MANY, near: 0, over: 0 });
  expect(await countAt(0.1)).toBe(MANY);
  await app.ok("POST", "/budget/new", { budget_id: "tier", max_budget: 1 });
});

test("a changed default tier reaches those who have none of their own", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "default", max_budget: 10 });
  await app.ok("POST", "/customer/new", { user_id: "none", spend: 5 });
  await app.ok("POST", "/customer/new", { user_id: "named", spend: 5, budget_id: "default" });
  await app.ok("POST", "/budget/update", { budget_id: "default", max_budget: 5 });
  await maintain();
  const rows = await app.ok<{ user_id: string }[]>(
    "GET",
    "/customer/list?budget_id=default&sort=utilization&order=desc",
  );
  expect(rows).toMatchObject([
    { user_id: "none", utilization: 1 },
    { user_id: "named", utilization: 1 },
  ]);
  expect(await countAt(1)).toBe(2);
});
