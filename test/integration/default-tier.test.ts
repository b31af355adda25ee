import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminApp, startAdminApp } from "../support/admin-app.ts";

let app: AdminApp;
const TIER = { max_budget: 1, rpm_limit: 60, budget_duration: "1mo" };

beforeAll(async () => {
  app = await startAdminApp({ litellm_settings: { max_end_user_budget_id: "default" } });
  await app.make("/budget/new", { budget_id: "default", ...TIER });
});
afterAll(() => app.close());

test("a limit changed for one customer under the default tier is changed in a copy of that tier", async () => {
  await app.make("/customer/new", { user_id: "ada" });
  expect(await app.customer("ada")).toMatchObject({ budget_id: null, effective_budget_id: "default" });
  const raised = await app.make("/customer/update", { user_id: "ada", max_budget: 5, rpm_limit: null });
  expect(raised["budget_id"]).not.toBe("default");
  expect(raised["litellm_budget_table"]).toMatchObject({ ...TIER, max_budget: 5 });
  const again = await app.make("/customer/update", { user_id: "ada", rpm_limit: null });
  expect(again["litellm_budget_table"]).toMatchObject({ ...TIER, max_budget: 5, rpm_limit: null });
  expect(await app.make("/customer/update", { user_id: "ada", budget_id: null })).toMatchObject({
    budget_id: null,
    effective_budget_id: "default",
    max_budget: 1,
  });
  expect((await app.post("/budget/info", { budgets: ["default"] })).json).toMatchObject([TIER]);
});

test("null takes nothing away from a customer who has only the default tier", async () => {
  const user_id = "bob";
  await app.make("/customer/new", { user_id });
  for (const budget of [{}, { budget_id: null }]) {
    const nulls = { max_budget: null, soft_budget: null, rpm_limit: null, budget_duration: null };
    expect(await app.make("/customer/update", { user_id, ...budget, ...nulls })).toMatchObject({
      budget_id: null,
      effective_budget_id: "default",
      max_budget: 1,
    });
  }
});

test("a new customer, or one without a tier, has the limits it is given and no others", async () => {
  const made = await app.make("/customer/new", { user_id: "eve", max_budget: 5 });
  expect(made["litellm_budget_table"]).toMatchObject({ max_budget: 5, rpm_limit: null });
  await app.make("/customer/new", { user_id: "dan" });
  const changed = await app.make("/customer/update", { user_id: "dan", budget_id: null, tpm_limit: 9 });
  expect(changed["litellm_budget_table"]).toMatchObject({ max_budget: null, tpm_limit: 9, rpm_limit: null });
});
