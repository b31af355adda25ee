import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { verifyLedger } from "../../src/spend/verify-ledger.ts";
import { createVerifySource } from "../../src/spend/verify-store.ts";
import { type AdminApp, startAdminApp, storedState } from "../support/admin-app.ts";
import {
  type Exports,
  litellmBudget as tier,
  litellmCustomer as customer,
  newExports,
  plainCustomer as plain,
} from "../support/litellm-exports.ts";
import { type Ran, runImport } from "../support/run-import.ts";

let app: AdminApp;
let exports: Exports;
const file: Exports["write"] = (name, content) => exports.write(name, content);

beforeAll(async () => {
  exports = await newExports();
  app = await startAdminApp();
});
afterAll(async () => {
  await app.close();
  await exports.remove();
});
beforeEach(async () => {
  const { customers, budgets, audit, events, deliveries, dailySpend, dailyTotals } = app.store.collections;
  for (const collection of [customers, budgets, audit, events, deliveries, dailySpend, dailyTotals]) {
    await collection.deleteMany({});
  }
});

/** Imports beside the running service. */
function run(args: readonly string[]): Promise<Ran> {
  const { storeUrl: MONGODB_URL, redisUrl: REDIS_URL, configPath: CONFIG_FILE_PATH } = app;
  return runImport(args, { MONGODB_URL, REDIS_URL, CONFIG_FILE_PATH });
}

async function differences(): Promise<readonly string[]> {
  return (await verifyLedger(createVerifySource(app.store))).differences;
}

test("customers and budgets come over as they are, and a second run changes nothing and says so", async () => {
  const budgets = await file("budgets.json", [
    tier,
    {
      ...tier,
      budget_id: "pro",
      max_budget: 99.99,
      soft_budget: 50,
      tpm_limit: 1000,
      rpm_limit: 10,
      max_parallel_requests: 2,
      budget_duration: null,
      budget_reset_at: null,
      model_max_budget: { mock: { budget_limit: 0.5, time_period: "1d" }, other: { max_budget: 2.5 } },
    },
  ]);
  const full = {
    ...plain,
    user_id: "büro/7 🐙",
    blocked: true,
    alias: "Büro",
    spend: 12.3456789012,
    allowed_model_region: "eu",
    default_model: "mock",
    budget_id: "pro",
    models: ["mock"],
    object_permission: { object_permission_id: "op", vector_stores: ["v"] },
  };
  const customers = await file("customers.json", [customer, full, { ...plain, user_id: "eve", spend: 0 }]);
  // The order of the files is no matter.
  const first = await run([customers, budgets]);
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toBe(
    [
      "budgets:   2 created, 0 updated, 0 unchanged, 0 skipped",
      "customers: 3 created, 0 updated, 0 unchanged, 0 skipped",
      "import: 5 changes made",
      "",
    ].join("\n"),
  );
  expect(await app.customer("ada")).toMatchObject({
    alias: "Ada",
    spend: 0.001112,
    lifetime_spend: 0,
    budget_id: "free-tier",
    litellm_budget_table: { max_budget: 4, budget_duration: "30d", created_at: "2026-01-02T03:04:05.678Z" },
  });
  expect(await app.customer("büro/7 🐙")).toMatchObject({
    ...full,
    spend: 12.345678901,
    litellm_budget_table: {
      max_budget: 99.99,
      soft_budget: 50,
      tpm_limit: 1000,
      rpm_limit: 10,
      max_parallel_requests: 2,
      model_max_budget: {
        mock: { budget_limit: 0.5, time_period: "1d" },
        other: { max_budget: 2.5 },
      },
    },
  });
  expect(await app.customer("eve")).toMatchObject({ spend: 0, budget_id: null, litellm_budget_table: null });
  expect(await differences()).toEqual([]);

  const before = await storedState(app.store);
  const second = await run([budgets, customers]);
  expect(second.out).toBe(
    [
      "budgets:   0 created, 0 updated, 2 unchanged, 0 skipped",
      "customers: 0 created, 0 updated, 3 unchanged, 0 skipped",
      "import: nothing to change",
      "",
    ].join("\n"),
  );
  expect(second.code).toBe(0);
  expect(await storedState(app.store)).toBe(before);
});

test("each change is in the audit log, by the import, with before and after", async () => {
  await app.make("/customer/new", { user_id: "ada", max_budget: 1 });
  const listed = async (): Promise<unknown> => ((await app.get("/customer/list")).json as unknown[])[0];
  const before = await listed();
  await app.store.collections.audit.deleteMany({});
  const done = await run([await file("customers.json", [customer])]);
  expect(done.code).toBe(0);
  const after = await listed();
  const [budget] = (await app.post("/budget/info", { budgets: ["free-tier"] })).json as object[];
  const row = { id: expect.any(String), at: expect.any(String), actor: "import" };
  const { data } = (await app.get("/audit")).json as { data: { target_id: string }[] };
  expect(data.toSorted((a, b) => (a.target_id < b.target_id ? -1 : 1))).toEqual([
    { ...row, action: "customer.import", target_id: "ada", before, after },
    { ...row, action: "budget.import", target_id: "free-tier", before: null, after: budget },
  ]);
  // The private budget that it had is nobody's now.
  expect(await app.store.collections.budgets.countDocuments({ customerId: "ada" })).toBe(0);
});

test("customers alone bring the budgets that are nested in them; a row of the budget file wins", async () => {
  const nested = { ...customer.litellm_budget_table, max_budget: 7 };
  const customers = await file(
    "customers.ndjson",
    [
      customer,
      {
        ...customer,
        user_id: "bob",
        budget_id: undefined,
        litellm_budget_table: { ...nested, budget_id: "own" },
      },
    ]
      .map((row) => JSON.stringify(row))
      .join("\n"),
  );
  expect((await run([customers])).out).toContain("budgets:   2 created");
  expect(await app.customer("bob")).toMatchObject({
    budget_id: "own",
    litellm_budget_table: { max_budget: 7 },
  });
  const budgets = await file("budgets.ndjson", `\ufeff${JSON.stringify({ ...tier, max_budget: 5 })}\r\n\r\n`);
  expect((await run([customers, budgets])).out).toContain("budgets:   0 created, 1 updated, 1 unchanged");
  expect(await app.customer("ada")).toMatchObject({ litellm_budget_table: { max_budget: 5 } });
  expect((await run([budgets])).out).toContain("import: nothing to change");
});

test("an existing customer keeps what it has spent here, and a deleted one comes back anew", async () => {
  const messages = [{ role: "user", content: "Hi" }];
  for (const user of ["ada", "gone"]) {
    expect((await app.post("/chat/completions", { model: "mock", user, messages })).status).toBe(200);
  }
  await app.make("/customer/delete", { user_ids: ["gone"] });
  const before = await app.customer("ada");
  const { code, out } = await run([
    await file("customers.json", [
      { ...customer, spend: 3 },
      { ...plain, user_id: "gone", spend: 2 },
    ]),
  ]);
  expect([code, out]).toEqual([
    0,
    expect.stringContaining(
      'note: customers that exist here keep the spend they have here, not the file\'s: "ada"\n',
    ),
  ]);
  const { spend, lifetime_spend, sequence, created_at } = before;
  expect(spend).toBeGreaterThan(0);
  expect(await app.customer("ada")).toMatchObject({
    spend,
    lifetime_spend,
    sequence,
    created_at,
    alias: "Ada",
    budget_id: "free-tier",
  });
  expect(await app.customer("gone")).toMatchObject({
    spend: 2,
    lifetime_spend: before["lifetime_spend"],
    sequence: 1,
  });
  expect(await differences()).toEqual([]);
  // What is spent from here on is added to the opening spend.
  expect((await app.post("/chat/completions", { model: "mock", user: "gone", messages })).status).toBe(200);
  expect((await app.customer("gone"))["spend"]).toBeGreaterThan(2);
  expect(await differences()).toEqual([]);
});
