import { afterAll, beforeAll, expect, test } from "vitest";
import { ACTOR, type AdminApp, startAdminApp } from "../support/admin-app.ts";

let app: AdminApp;
let ids = 0;
const newId = (): string => `c${++ids}`;

beforeAll(async () => {
  app = await startAdminApp();
  await app.make("/budget/new", { budget_id: "tier", max_budget: 4, rpm_limit: 7, budget_duration: "1mo" });
});
afterAll(() => app.close());

const LITELLM_FIELDS = [
  "user_id",
  "blocked",
  "alias",
  "spend",
  "allowed_model_region",
  "default_model",
  "litellm_budget_table",
];

test("a new customer is answered with LiteLLM's seven fields first and in its order", async () => {
  const id = newId();
  const made = await app.make("/customer/new", { user_id: id });
  expect(Object.keys(made).slice(0, LITELLM_FIELDS.length)).toEqual(LITELLM_FIELDS);
  expect(made).toEqual({
    user_id: id,
    blocked: false,
    alias: null,
    spend: 0,
    allowed_model_region: null,
    default_model: null,
    litellm_budget_table: null,
    budget_id: null,
    models: [],
    object_permission_id: null,
    object_permission: null,
    lifetime_spend: 0,
    sequence: 0,
    effective_budget_id: null,
    budget_reset_at: null,
    max_budget: null,
    utilization: null,
    model_spend: {},
    last_call_at: null,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    updated_at: made["created_at"],
  });
  expect(await app.customer(id)).toMatchObject(made);
});

test("every field of a new customer is kept, and a limit makes a budget of its own", async () => {
  const settings = {
    user_id: newId(),
    alias: "Ada & Söhne",
    blocked: true,
    models: ["mock", "openai/*"],
    allowed_model_region: "eu",
    default_model: "mock",
    object_permission: { vector_stores: ["v"], mcp_tool_permissions: { s: ["t"] } },
  };
  const limits = {
    max_parallel_requests: 3,
    tpm_limit: 1000,
    rpm_limit: 10,
    budget_duration: "7d",
    thresholds: [0.5, 0.333],
    budget_enforcement: "soft",
  };
  const made = await app.make("/customer/new", {
    ...settings,
    ...limits,
    spend: "1.25",
    max_budget: "0.1",
    soft_budget: 0.0011120000000000001,
    model_max_budget: { mock: { budget_limit: "2", time_period: "1d" }, other: { max_budget: 1 }, third: 3 },
    metadata: { kept: false },
  });
  expect(made).toMatchObject({ ...settings, spend: 1.25, lifetime_spend: 0 });
  expect(made["litellm_budget_table"]).toMatchObject({
    ...limits,
    budget_id: made["budget_id"],
    max_budget: 0.1,
    soft_budget: 0.001112,
    model_max_budget: { mock: { budget_limit: 2, time_period: "1d" }, other: { max_budget: 1 }, third: 3 },
  });
  expect(made["budget_id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("a customer with a tier shows it, and when its period ends", async () => {
  const made = await app.make("/customer/new", { user_id: newId(), budget_id: "tier" });
  expect(made).toMatchObject({ budget_id: "tier", effective_budget_id: "tier" });
  expect(made["litellm_budget_table"]).toMatchObject({ budget_id: "tier", max_budget: 4, rpm_limit: 7 });
  expect(made["budget_reset_at"]).toMatch(/^\d{4}-\d\d-01T00:00:00\.000Z$/);
});

test("of eight creations of one id at once one succeeds, and leaves no second budget behind", async () => {
  const id = newId();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => app.post("/customer/new", { user_id: id, max_budget: 1 })),
  );
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    200,
    ...Array.from({ length: 7 }, () => 400),
  ]);
  expect(await app.store.collections.budgets.countDocuments({ customerId: id })).toBe(1);
});

test("an update changes what is given and nothing else", async () => {
  const user_id = newId();
  const made = await app.make("/customer/new", { user_id, alias: "a", models: ["mock"], spend: 2 });
  const changed = await app.make("/customer/update", { user_id, blocked: true, default_model: "other" });
  expect(changed).toEqual({
    ...made,
    blocked: true,
    default_model: "other",
    updated_at: changed["updated_at"],
  });
  // What older LiteLLM versions dropped: false, zero and empty lists are values.
  expect(
    await app.make("/customer/update", { user_id, blocked: false, models: [], max_budget: 0 }),
  ).toMatchObject({
    blocked: false,
    models: [],
    litellm_budget_table: { max_budget: 0 },
  });
});

/** What null does to each field of an update. */
const CLEARED: [field: string, before: unknown][] = [
  ["alias", "a"],
  ["default_model", "mock"],
  ["allowed_model_region", "us"],
  ["object_permission", { agents: ["a"] }],
];
const CLEARED_LIMITS: [field: string, before: unknown, after?: unknown][] = [
  ["max_budget", 1],
  ["soft_budget", 0.5],
  ["budget_duration", "1d"],
  ["budget_reset_at", "2094-05-06T07:08:09.000Z"],
  ["tpm_limit", 5],
  ["rpm_limit", 6],
  ["max_parallel_requests", 7],
  ["model_max_budget", { mock: { max_budget: 1 } }],
  ["thresholds", [0.5]],
  ["budget_enforcement", "soft", "hard"],
];

test.each(CLEARED)("null clears %s", async (field, before) => {
  const user_id = newId();
  const made = await app.make("/customer/new", { user_id, [field]: before, blocked: true, models: ["mock"] });
  expect(made[field]).toEqual(before);
  const after = await app.make("/customer/update", { user_id, [field]: null });
  expect(after).toEqual({ ...made, [field]: null, updated_at: after["updated_at"] });
});

test.each(CLEARED_LIMITS)(
  "null clears %s of a customer, and of a tier",
  async (field, before, after = null) => {
    const id = newId();
    const customer = await app.make("/customer/new", { user_id: id, max_budget: 9, [field]: before });
    expect(customer["litellm_budget_table"]).toMatchObject({ [field]: before });
    expect(
      (await app.make("/customer/update", { user_id: id, [field]: null }))["litellm_budget_table"],
    ).toMatchObject({ [field]: after });
    await app.make("/budget/new", { budget_id: id, [field]: before });
    expect(await app.make("/budget/update", { budget_id: id, [field]: null })).toMatchObject({
      [field]: after,
    });
  },
);

test("null never unblocks, and does not open a list of models: false and [] do", async () => {
  const user_id = newId();
  const made = await app.make("/customer/new", { user_id, blocked: true, models: ["mock"] });
  const same = await app.make("/customer/update", { user_id, blocked: null, models: null, alias: "a" });
  expect(same).toEqual({ ...made, alias: "a", updated_at: same["updated_at"] });
  const call = { model: "mock", user: user_id, messages: [{ role: "user", content: "Hi" }] };
  expect((await app.post("/chat/completions", call)).status).toBe(400);
  expect(await app.make("/customer/update", { user_id, blocked: false, models: [] })).toMatchObject({
    blocked: false,
    models: [],
  });
});

/** A client that sends its whole form. */
const EVERYTHING_NULL = {
  alias: null,
  blocked: null,
  models: null,
  metadata: null,
  tpd_limit: null,
  ...Object.fromEntries([...CLEARED, ...CLEARED_LIMITS].map(([field]) => [field, null])),
};

test("a client that sends every field as null changes neither a block nor the models, and loses no tier by it", async () => {
  const user_id = newId();
  const named = { user_id, budget_id: "tier" };
  const made = await app.make("/customer/new", { ...EVERYTHING_NULL, ...named, spend: null });
  expect(made).toMatchObject({ blocked: false, models: [], budget_id: "tier", max_budget: 4 });
  await app.make("/customer/update", { user_id, blocked: true, models: ["mock"] });
  expect(await app.make("/customer/update", { ...EVERYTHING_NULL, ...named })).toMatchObject({
    blocked: true,
    models: ["mock"],
    budget_id: "tier",
    max_budget: 4,
  });
  // Moved from a budget of its own to a tier, in the same words.
  expect(await app.make("/customer/update", { user_id, max_budget: 7 })).toMatchObject({ max_budget: 7 });
  expect(await app.make("/customer/update", { ...EVERYTHING_NULL, ...named })).toMatchObject({
    budget_id: "tier",
    max_budget: 4,
  });
  expect(await app.store.collections.budgets.countDocuments({ customerId: user_id })).toBe(0);
  expect(await app.make("/customer/update", { ...EVERYTHING_NULL, user_id, budget_id: null })).toMatchObject({
    blocked: true,
    models: ["mock"],
    budget_id: null,
    litellm_budget_table: null,
  });
});

test("a limit beside a tier is a change to that tier, for this customer; null beside it is none", async () => {
  const user_id = newId();
  const made = await app.make("/customer/new", {
    user_id,
    budget_id: "tier",
    rpm_limit: 3,
    max_budget: null,
  });
  expect(made["litellm_budget_table"]).toMatchObject({ max_budget: 4, rpm_limit: 3, budget_duration: "1mo" });
  expect(made["budget_id"]).not.toBe("tier");
});

test("another customer's own budget is nobody else's: it would go when that one goes", async () => {
  const [owner, other] = [newId(), newId()];
  const { budget_id } = await app.make("/customer/new", { user_id: owner, max_budget: 1 });
  const refusal = {
    detail: { error: `Budget '${String(budget_id)}' belongs to one customer and is no tier` },
  };
  const refused = await app.post("/customer/new", { user_id: other, budget_id });
  expect([refused.status, refused.json]).toEqual([400, refusal]);
  await app.make("/customer/new", { user_id: other });
  const again = await app.post("/customer/update", { user_id: other, budget_id });
  expect([again.status, again.json]).toEqual([400, refusal]);
  // The owner may name it, as a client does that sends everything back.
  expect(
    await app.make("/customer/update", { user_id: owner, budget_id, max_budget: null, rpm_limit: 2 }),
  ).toMatchObject({ budget_id, litellm_budget_table: { max_budget: null, rpm_limit: 2 } });
});

test("budget_id as null takes the budget away, and a limit given with it makes a new one", async () => {
  const user_id = newId();
  await app.make("/customer/new", { user_id, max_budget: 1, tpm_limit: 5 });
  const changed = await app.make("/customer/update", { user_id, budget_id: null, max_budget: 2 });
  expect(changed["litellm_budget_table"]).toMatchObject({ max_budget: 2, tpm_limit: null });
  expect(await app.make("/customer/update", { user_id, budget_id: null })).toMatchObject({
    budget_id: null,
    litellm_budget_table: null,
  });
  expect(await app.store.collections.budgets.countDocuments({ customerId: user_id })).toBe(0);
});

test("a list of models is held against the name that is called, not against where it is served from", async () => {
  const user_id = newId();
  await app.make("/customer/new", { user_id, models: ["openai/*"] });
  const call = { model: "mock", user: user_id, messages: [{ role: "user", content: "Hi" }] };
  const refused = await app.post("/chat/completions", call);
  expect([refused.status, refused.json]).toMatchObject([
    403,
    { error: { type: "customer_model_access_denied", param: "model", code: "403" } },
  ]);
  await app.make("/customer/update", { user_id, models: ["openai/*", "moc*"] });
  expect((await app.post("/chat/completions", call)).status).toBe(200);
});

test("a changed limit of a tier becomes a private copy; the tier and its other customers stay", async () => {
  const [one, other] = [newId(), newId()];
  await app.make("/customer/new", { user_id: one, budget_id: "tier" });
  await app.make("/customer/new", { user_id: other, budget_id: "tier" });
  const before = await app.customer(other);
  const changed = await app.make("/customer/update", { user_id: one, max_budget: "9.5" });
  const copyId = changed["budget_id"];
  expect(copyId).not.toBe("tier");
  expect(changed["litellm_budget_table"]).toMatchObject({
    budget_id: copyId,
    max_budget: 9.5,
    rpm_limit: 7,
    budget_duration: "1mo",
  });
  expect(await app.customer(other)).toEqual(before);
  // A second change is made in the same copy; a return to the tier removes it.
  const again = await app.make("/customer/update", { user_id: one, rpm_limit: 1 });
  expect(again).toMatchObject({ budget_id: copyId, litellm_budget_table: { max_budget: 9.5, rpm_limit: 1 } });
  const back = await app.make("/customer/update", { user_id: one, budget_id: "tier" });
  expect(back).toMatchObject({ budget_id: "tier", litellm_budget_table: { max_budget: 4, rpm_limit: 7 } });
  expect(await app.store.collections.budgets.countDocuments({ customerId: one })).toBe(0);
});

test("a deleted customer is gone, and comes back with its numbering and lifetime spend and nothing else", async () => {
  const user_id = newId();
  await app.make("/customer/new", {
    user_id,
    alias: "old",
    blocked: false,
    max_budget: 50,
    models: ["mock"],
  });
  const call = { model: "mock", user: user_id, messages: [{ role: "user", content: "Hi" }] };
  expect((await app.post("/chat/completions", call)).status).toBe(200);
  const { lifetime_spend } = await app.customer(user_id);
  expect(lifetime_spend).toBeGreaterThan(0);
  const deleted = await app.post("/customer/delete", { user_ids: [user_id, user_id] });
  expect(deleted.json).toEqual({
    deleted_customers: 1,
    message: expect.stringContaining(`Successfully deleted customers with ids: ["${user_id}"`),
  });
  expect((await app.get(`/customer/info?end_user_id=${user_id}`)).status).toBe(404);
  expect((await app.post("/customer/update", { user_id, alias: "x" })).status).toBe(404);
  expect((await app.post("/customer/delete", { user_ids: [user_id] })).status).toBe(404);
  expect(await app.store.collections.budgets.countDocuments({ customerId: user_id })).toBe(0);
  expect(await app.make("/customer/new", { user_id })).toMatchObject({
    alias: null,
    spend: 0,
    lifetime_spend,
    sequence: 1,
    models: [],
    budget_id: null,
  });
});

test("block creates unseen ids and unblock does not; both may be repeated", async () => {
  const [seen, unseen, never] = [newId(), newId(), newId()];
  await app.make("/customer/new", { user_id: seen, alias: "s" });
  for (const prefix of ["customer", "end_user"]) {
    const { blocked_users } = await app.make(`/${prefix}/block`, { user_ids: [seen, unseen, seen] });
    expect(blocked_users).toMatchObject([
      { user_id: seen, alias: "s", blocked: true },
      { user_id: unseen, blocked: true },
    ]);
  }
  const call = { model: "mock", user: unseen, messages: [{ role: "user", content: "Hi" }] };
  const refused = await app.post("/chat/completions", call);
  const message = `User blocked from making LLM API Calls. User=${unseen}`;
  expect([refused.status, refused.json]).toEqual([
    400,
    {
      error: {
        message,
        type: "invalid_request_error",
        param: null,
        code: "400",
        provider_specific_fields: { error: message },
      },
    },
  ]);
  for (const prefix of ["customer", "end_user"]) {
    const answer = await app.make(`/${prefix}/unblock`, { user_ids: [seen, unseen, never] });
    expect(answer).toMatchObject({
      unblocked_users: [
        { user_id: seen, blocked: false },
        { user_id: unseen, blocked: false },
      ],
      blocked_users: [],
    });
  }
  expect((await app.post("/chat/completions", call)).status).toBe(200);
  expect((await app.get(`/customer/info?end_user_id=${never}`)).status).toBe(404);
  // Repeating wrote nothing: one change each way.
  const changes = await app.store.collections.audit.find({ targetId: seen }).sort({ at: 1 }).toArray();
  expect(changes.map(({ action }) => action)).toEqual([
    "customer.create",
    "customer.block",
    "customer.unblock",
  ]);
});

test("every change is in the audit log with its actor and how it was before and after", async () => {
  const user_id = newId();
  const made = await app.make("/customer/new", { user_id, max_budget: 1 });
  const changed = await app.make("/customer/update", { user_id, max_budget: 2, alias: "a" });
  await app.make("/customer/delete", { user_ids: [user_id] });
  const { json } = await app.get(`/audit?target_id=${user_id}`);
  const row = {
    id: expect.stringMatching(/^aud_/),
    at: expect.any(String),
    actor: ACTOR,
    target_id: user_id,
  };
  expect(json).toEqual({
    data: [
      {
        ...row,
        action: "customer.delete",
        before: { ...changed, updated_at: expect.any(String) },
        after: null,
      },
      { ...row, action: "customer.update", before: made, after: changed },
      { ...row, action: "customer.create", before: null, after: made },
    ],
    next_cursor: null,
  });
});
