import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AdminApp, startAdminApp } from "../support/admin-app.ts";
import {
  type Exports,
  litellmBudget as tier,
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
  const { customers, budgets, audit, events, deliveries, dailySpend } = app.store.collections;
  for (const collection of [customers, budgets, audit, events, deliveries, dailySpend]) {
    await collection.deleteMany({});
  }
});

/** Imports beside the running service. */
function run(args: readonly string[]): Promise<Ran> {
  const { storeUrl: MONGODB_URL, redisUrl: REDIS_URL, configPath: CONFIG_FILE_PATH } = app;
  return runImport(args, { MONGODB_URL, REDIS_URL, CONFIG_FILE_PATH });
}

test("rows that cannot be taken are named with the reason, and the rest goes on", async () => {
  const budgets = await file("budgets.json", [
    { ...tier, budget_id: "monthly", budget_duration: "monthly" },
    { ...tier, budget_id: "negative", max_budget: -1 },
    { ...tier, budget_id: "dust", max_budget: 5e-11, model_max_budget: { mock: { max_budget: "5e-10" } } },
    { ...tier, budget_duration: "1hr" },
    tier,
    { budget_id: 5 },
    "x",
  ]);
  const lines = [
    JSON.stringify({ ...plain, user_id: "good" }),
    '{"user_id": "broken"',
    JSON.stringify({ ...plain, user_id: "" }),
    JSON.stringify({ ...plain, user_id: "poor", spend: -0.5, allowed_model_region: "mars" }),
    JSON.stringify({ ...plain, user_id: "tierless", budget_id: "gone" }),
    JSON.stringify({ ...plain, user_id: "monthly", budget_id: "monthly" }),
    JSON.stringify({ ...plain, user_id: "good" }),
    JSON.stringify({ ...plain, user_id: "\ud800" }),
    JSON.stringify({ ...plain, user_id: "model", default_model: "gpt-9" }),
  ];
  const customers = await file("customers.ndjson", lines.join("\n"));
  const { code, out } = await run([customers, budgets]);
  expect(code).toBe(1);
  expect(out.split("\n")).toEqual([
    "budgets:   1 created, 0 updated, 0 unchanged, 5 skipped",
    "customers: 2 created, 0 updated, 0 unchanged, 6 skipped",
    "other rows: 2 skipped",
    "skipped customers.ndjson:2: this line is not JSON",
    expect.stringMatching(/^skipped budgets.json\[0\] budget "monthly": budget_duration: .*got "monthly"$/),
    'skipped budgets.json[1] budget "negative": max_budget: Input should be a non-negative finite number, got -1',
    'skipped budgets.json[2] budget "dust": max_budget: Input should not be finer than a nano-dollar (0.000000001 USD), got 5e-11; model_max_budget.mock.max_budget: Input should not be finer than a nano-dollar (0.000000001 USD), got "5e-10"',
    'skipped budgets.json[4] budget "free-tier": the same id is at budgets.json[3]',
    "skipped budgets.json[5]: budget_id: Invalid input: expected string, received number, got 5",
    "skipped budgets.json[6]: it has neither a user_id nor a budget_id",
    'skipped customers.ndjson:3 customer "": user_id: Input should not be empty, got ""',
    expect.stringMatching(
      /^skipped customers.ndjson:4 customer "poor": allowed_model_region: .*; spend: .*got -0.5$/,
    ),
    expect.stringMatching(
      /^skipped customers.ndjson:6 customer "monthly": its budget "monthly" cannot be taken: budget_duration/,
    ),
    'skipped customers.ndjson:7 customer "good": the same id is at customers.ndjson:1',
    expect.stringMatching(/^skipped customers.ndjson:8 customer "\\ud800": user_id: .*well-formed/),
    'skipped customers.ndjson:5 customer "tierless": budget_id: neither the files nor the store have a budget "gone"',
    'note: default_model "gpt-9" is not configured here: "model"',
    "import: 3 changes made",
    "",
  ]);
  expect(await app.customer("model")).toMatchObject({ default_model: "gpt-9" });
  expect((await app.get("/customer/list")).json).toHaveLength(2);
});

test("what older versions do not print stays as it is here; what they print as null is cleared", async () => {
  await app.make("/budget/new", { budget_id: "here", max_budget: 3, thresholds: [0.5] });
  await app.make("/customer/new", { user_id: "old", budget_id: "here", models: ["mock"], alias: "x" });
  const seed = { user_id: "old", blocked: true, alias: null, spend: 1, default_model: null };
  await run([await file("customers.json", [seed])]);
  expect(await app.customer("old")).toMatchObject({
    blocked: true,
    alias: null,
    spend: 0,
    budget_id: "here",
    models: ["mock"],
  });
  await run([await file("budgets.json", [{ budget_id: "here", max_budget: null, soft_budget: 1 }])]);
  expect(await app.customer("old")).toMatchObject({
    litellm_budget_table: { max_budget: null, soft_budget: 1, thresholds: [0.5] },
  });
  await run([await file("customers.json", [{ ...seed, budget_id: null, litellm_budget_table: null }])]);
  expect(await app.customer("old")).toMatchObject({ budget_id: null });
});

test("LiteLLM's spellings are understood, and what has no meaning here is said", async () => {
  const { code, out } = await run([
    await file("budgets.json", [
      { ...tier, budget_id: "a", budget_duration: "", created_at: "2026-01-02 03:04:05.678" },
      { ...tier, budget_id: "b", budget_duration: "12hours", tpd_limit: 5, allowed_models: ["x"] },
      {
        ...tier,
        budget_id: "c",
        budget_duration: "None",
        model_max_budget: {
          mock: { max_budget: 1, budget_duration: "1day", tpm_limit: 5, rpm_limit: null },
          other: { rpm_limit: 3 },
          third: 2,
          "openai/*": { max_budget: 1 },
        },
      },
    ]),
    await file("customers.json", [{ ...plain, default_model: "", allowed_model_region: "", blocked: null }]),
  ]);
  expect([code, out.split("\n").filter((line) => line.startsWith("note"))]).toEqual([
    0,
    [
      'note: tpd_limit of a budget is not taken: "b"',
      'note: allowed_models of a budget is not taken: "b"',
      'note: tpm_limit in model_max_budget is not taken: "c"',
      'note: rpm_limit in model_max_budget is not taken: "c"',
      'note: a model_max_budget without an amount is not taken: "c"',
      'note: a model_max_budget of a pattern is not taken: "c"',
    ],
  ]);
  expect((await app.post("/budget/info", { budgets: ["a", "b", "c"] })).json).toMatchObject([
    { budget_duration: null, created_at: "2026-01-02T03:04:05.678Z" },
    { budget_duration: "12h" },
    {
      budget_duration: null,
      model_max_budget: { mock: { max_budget: 1, budget_duration: "1d" }, third: 2 },
    },
  ]);
  expect(await app.customer("ada")).toMatchObject({
    default_model: null,
    allowed_model_region: null,
    blocked: false,
  });
});

test("a running period ends when LiteLLM would have ended it", async () => {
  const budget_reset_at = "2094-05-06T00:00:00Z";
  await run([await file("budgets.json", [{ ...tier, budget_duration: "14d", budget_reset_at }])]);
  expect((await app.post("/budget/info", { budgets: ["free-tier"] })).json).toMatchObject([
    { budget_duration: "14d", budget_reset_at: "2094-05-06T00:00:00.000Z" },
  ]);
});
