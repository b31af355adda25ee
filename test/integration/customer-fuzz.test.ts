import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminApp, startAdminApp, storedState } from "../support/admin-app.ts";
import { wild, wildBody, wildString } from "../support/wild-json.ts";

const RUNS = 100;
let app: AdminApp;

beforeAll(async () => {
  app = await startAdminApp({ general_settings: { unpriced_models: "flag" } });
});
afterAll(() => app.close());

const oneOf = fc.constantFrom;
/** As odd, but nothing that must be refused. */
const oddText = wildString.map((text) => `x${text.toWellFormed().slice(0, 200)}`);
const userId = fc.oneof(oneOf("a", "b", "c", "d"), oddText);
const userIds = {
  user_ids: fc.oneof(
    fc.array(oneOf("a", "b", "c"), { minLength: 1, maxLength: 3 }),
    fc.array(userId, { maxLength: 4 }),
  ),
};
const budgetId = oneOf("tier", "tier", "other", "none", null);
const usd = oneOf(0, 1, "2.5", 0.0011120000000000001, null, "1e-9", 1e9);
const count = oneOf(0, 5, "7", null, 2 ** 40);
const text = fc.oneof(oneOf("", null), oddText);
const duration = oneOf("1d", "30d", "1mo", "45s", null, "3660d");
const modelLimit = fc.oneof(usd, fc.record({ budget_limit: usd, time_period: duration }));

const limits = {
  max_budget: usd,
  soft_budget: usd,
  max_parallel_requests: count,
  tpm_limit: count,
  rpm_limit: count,
  budget_duration: duration,
  budget_reset_at: oneOf("2027-01-01T00:00:00Z", "0000-01-01T00:00:00+12:00", "9999-12-31T23:59:59", null),
  model_max_budget: fc.dictionary(oddText, modelLimit, { maxKeys: 3 }),
  thresholds: fc.uniqueArray(oneOf(0.5, 1, 0.333333333, 1e-6), { maxLength: 3 }),
  budget_enforcement: oneOf("hard", "soft", null),
};

const settings = {
  alias: text,
  blocked: fc.boolean(),
  models: fc.array(oddText, { maxLength: 3 }),
  default_model: oneOf("mock", "other", null),
  allowed_model_region: oneOf("eu", "us", null),
  object_permission: fc.dictionary(wildString, wild, { maxKeys: 2 }),
  metadata: wild,
};

const message = fc.record(
  { role: oneOf("user"), content: fc.oneof(text, fc.array(wild, { maxLength: 2 })), tool_calls: wild },
  { requiredKeys: ["role"] },
);

const BODIES: Record<string, fc.Arbitrary<string>> = {
  "/customer/new": fc.oneof(
    wildBody({ user_id: oddText }, { ...settings, ...limits, spend: usd }),
    wildBody({ user_id: userId, budget_id: budgetId }, settings),
  ),
  "/customer/update": wildBody(
    { user_id: oneOf("a", "b", "c", "d") },
    { ...settings, ...limits, budget_id: budgetId },
  ),
  "/customer/delete": wildBody(userIds),
  "/customer/block": wildBody(userIds),
  "/customer/unblock": wildBody(userIds),
  "/budget/new": wildBody({}, { budget_id: fc.oneof(budgetId, wildString), ...limits }),
  "/budget/update": wildBody({ budget_id: budgetId }, limits),
  "/budget/info": wildBody({ budgets: fc.array(fc.oneof(budgetId, wildString), { maxLength: 3 }) }),
  "/budget/delete": wildBody({ id: fc.oneof(oneOf("other", "other", "none"), wildString) }),
  "/chat/completions": wildBody(
    {
      model: oneOf("mock", "other"),
      messages: fc.array(message, { minLength: 1, maxLength: 3 }),
      user: userId,
    },
    {
      max_tokens: count,
      max_completion_tokens: count,
      n: count,
      stream: fc.boolean(),
      stream_options: fc.record({ include_usage: wild }),
      tools: wild,
      metadata: fc.oneof(fc.record({ user_id: userId }), wildString),
      litellm_metadata: fc.oneof(fc.record({ user: userId }), wildString),
      safety_identifier: text,
    },
  ),
};

test.each(Object.entries(BODIES))(
  "no body makes %s fail on our side, and a refused one changes nothing",
  async (route, bodies) => {
    for (const name of ["customers", "budgets", "audit"] as const) {
      await app.store.collections[name].deleteMany({});
    }
    await app.make("/budget/new", { budget_id: "tier", max_budget: 4, budget_duration: "1mo" });
    await app.make("/budget/new", { budget_id: "other", rpm_limit: 1000 });
    for (const user_id of ["a", "b", "c"]) await app.make("/customer/new", { user_id });
    let known = await storedState(app.store);
    let [accepted, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await app.send(route, body);
        const now = await storedState(app.store);
        expect(answer.status, answer.text).toBeLessThan(500);
        if (answer.status >= 400) expect(now).toBe(known);
        if (answer.status === 200) accepted++;
        else refused++;
        known = now;
      }),
      { numRuns: RUNS },
    );
    // What was let in can be read.
    for (const path of ["/customer/list", "/budget/list", "/audit"]) {
      expect([path, (await app.get(path)).status]).toEqual([path, 200]);
    }
    // Bodies that are all refused at the door would test the door only.
    expect([accepted > 0, refused > 0]).toEqual([true, true]);
  },
);
