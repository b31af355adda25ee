import { afterAll, beforeAll, expect, test } from "vitest";
import { ACTOR, type AdminApp, startAdminApp, storedState } from "../support/admin-app.ts";
import { waitUntil } from "../support/wait-until.ts";

let app: AdminApp;
let ids = 0;
const newId = (): string => `b${++ids}`;

beforeAll(async () => {
  app = await startAdminApp();
  await app.make("/budget/new", { budget_id: "known", max_budget: 4, budget_duration: "1mo", rpm_limit: 7 });
});
afterAll(() => app.close());

test("a new budget is answered with LiteLLM's row, then our fields", async () => {
  const budget_id = newId();
  const made = await app.make("/budget/new", { budget_id, max_budget: "0", budget_duration: "30d" });
  expect(made).toEqual({
    budget_id,
    soft_budget: null,
    max_budget: 0,
    max_parallel_requests: null,
    tpm_limit: null,
    rpm_limit: null,
    model_max_budget: null,
    budget_duration: "30d",
    allowed_models: [],
    budget_reset_at: expect.stringMatching(/^\d{4}-\d\d-01T00:00:00\.000Z$/),
    created_at: expect.any(String),
    thresholds: null,
    budget_enforcement: "hard",
    created_by: ACTOR,
    updated_at: made["created_at"],
    updated_by: ACTOR,
  });
  expect((await app.post("/budget/info", { budgets: [budget_id, "nope"] })).json).toEqual([made]);
});

test("without an id a budget gets one", async () => {
  expect((await app.make("/budget/new", {}))["budget_id"]).toMatch(/^[0-9a-f-]{36}$/);
  expect((await app.make("/budget/new", { budget_id: null }))["budget_id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("of eight creations of one id at once one succeeds", async () => {
  const budget_id = newId();
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => app.post("/budget/new", { budget_id, max_budget: 1 })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(7);
});

const REFUSALS: { name: string; path: string; body: object; status: number; answer: object }[] = [
  {
    name: "a duplicate id",
    path: "new",
    body: { budget_id: "known" },
    status: 400,
    answer: { detail: { error: "Budget with id 'known' already exists." } },
  },
  {
    name: "a negative amount",
    path: "new",
    body: { max_budget: -0.5 },
    status: 400,
    answer: { detail: { error: "max_budget must be a non-negative finite number. Received: -0.5" } },
  },
  {
    name: "an amount that is not finite",
    path: "new",
    body: { soft_budget: "inf" },
    status: 400,
    answer: { detail: { error: "soft_budget must be a non-negative finite number. Received: inf" } },
  },
  {
    name: "a negative amount",
    path: "update",
    body: { budget_id: "known", rpm_limit: 1, soft_budget: "-1" },
    status: 400,
    answer: { detail: { error: "soft_budget must be a non-negative finite number. Received: -1" } },
  },
  {
    name: "a negative amount of one model",
    path: "new",
    body: { model_max_budget: { mock: { budget_limit: -2 } } },
    status: 400,
    answer: {
      detail: {
        error: "model_max_budget.mock.budget_limit must be a non-negative finite number. Received: -2",
      },
    },
  },
  ...[5e-11, 5e-10, "1e-10", "0.0000000001", 4.0000000001].flatMap((amount) =>
    ["new", "update"].map((path) => ({
      name: `an amount of ${amount}`,
      path,
      body: {
        budget_id: "known",
        max_budget: amount,
        soft_budget: amount,
        model_max_budget: { mock: { max_budget: amount }, other: amount },
      },
      status: 400,
      answer: {
        detail: {
          error: ["max_budget", "soft_budget", "model_max_budget.mock.max_budget", "model_max_budget.other"]
            .map(
              (name) => `${name} must not be finer than a nano-dollar (0.000000001 USD). Received: ${amount}`,
            )
            .join("; "),
        },
      },
    })),
  ),
  {
    name: "a maximum finer than a nano-dollar",
    path: "preview",
    body: { budget_id: "known", max_budget: "5e-10" },
    status: 400,
    answer: {
      detail: { error: "max_budget must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-10" },
    },
  },
  {
    name: "more than anybody has",
    path: "new",
    body: { max_budget: 1e30, soft_budget: "1000000000.01" },
    status: 400,
    answer: {
      detail: {
        error:
          "max_budget must be at most 1000000000 USD. Received: 1e+30; soft_budget must be at most 1000000000 USD. Received: 1000000000.01",
      },
    },
  },
  ...["0s", "-5m", "monthly", "30", ""].flatMap((text) =>
    ["new", "update"].map((path) => ({
      name: `a duration of ${JSON.stringify(text)}`,
      path,
      body: {
        budget_id: "known",
        budget_duration: text,
        model_max_budget: { m: { max_budget: 1, time_period: text } },
      },
      status: 400,
      answer: {
        detail: {
          error: ["budget_duration", "model_max_budget.m.time_period"]
            .map(
              (name) =>
                `Invalid ${name}: it should be a count and a unit of s, m, h, d, w, mo, such as 30d or 1mo. Received: ${text}`,
            )
            .join("; "),
        },
      },
    })),
  ),
  {
    name: "a missing id",
    path: "update",
    body: { max_budget: 1 },
    status: 400,
    answer: { detail: { error: "budget_id is required" } },
  },
  {
    name: "an unknown id",
    path: "update",
    body: { budget_id: "nope", max_budget: 1 },
    status: 404,
    answer: {
      error: {
        message: "Budget with id 'nope' does not exist.",
        type: "not_found",
        param: "budget_id",
        code: "404",
      },
    },
  },
  {
    name: "an empty list",
    path: "info",
    body: { budgets: [] },
    status: 400,
    answer: { detail: { error: "Specify list of budget id's to query. Passed in=[]" } },
  },
  {
    name: "an unknown id",
    path: "delete",
    body: { id: "nope" },
    status: 404,
    answer: {
      error: {
        message: "Budget with id 'nope' does not exist.",
        type: "not_found",
        param: "budget_id",
        code: "404",
      },
    },
  },
];

test.each(REFUSALS)(
  "$name is refused by /budget/$path and changes nothing",
  async ({ path, body, status, answer }) => {
    const before = await storedState(app.store);
    const refused = await app.post(`/budget/${path}`, body);
    expect([refused.status, refused.json]).toEqual([status, answer]);
    expect(await storedState(app.store)).toBe(before);
  },
);

test.each<[string, object, string, string]>([
  ["new", { budget_duration: "monthly", x: 1 }, "budget_duration", "30d or 1mo"],
  ["new", { budget_duration: 30 }, "budget_duration", "string"],
  ["new", { budget_reset_at: "tomorrow" }, "budget_reset_at", "date and time"],
  ["new", { budget_reset_at: "2027-02-30T00:00:00Z" }, "budget_reset_at", "date and time"],
  ["new", { thresholds: [0.5, 0.5] }, "thresholds", "once"],
  ["new", { thresholds: [1e-9] }, "thresholds.0", "more than 0"],
  ["new", { max_budgte: 1 }, "max_budgte", "not permitted"],
  ["new", { tpm_limit: -1 }, "tpm_limit", "negative"],
  ["new", { tpm_limit: 1e300 }, "tpm_limit", "whole number"],
  ["new", { budget_enforcement: "firm" }, "budget_enforcement", '"hard"|"soft"'],
  [
    "new",
    { model_max_budget: { mock: { budget_limit: 1, max_budget: 2 } } },
    "model_max_budget.mock",
    "either",
  ],
  ["new", { model_max_budget: { mock: {} } }, "model_max_budget.mock", "either"],
  ["new", { model_max_budget: { mock: { max_budget: null } } }, "model_max_budget.mock", "either"],
  [
    "new",
    { model_max_budget: { mock: { max_budget: 1, rpm_limit: 3 } } },
    "model_max_budget.mock.rpm_limit",
    "only a maximum spend",
  ],
  ["new", { tpd_limit: 1000 }, "tpd_limit", "not limited here"],
  ["update", { budget_id: "known", tpd_limit: 0 }, "tpd_limit", "not limited here"],
  ["new", { model_max_budget: ["mock"] }, "model_max_budget", "a list"],
  ["new", { model_max_budget: { "openai/*": 1 } }, "model_max_budget.openai/*", "one model by its name"],
  ["update", { budget_id: "known", model_max_budget: { "": 1 } }, "model_max_budget.", "has a name"],
  ["update", { budget_id: "known", max_budget: true }, "max_budget", "number"],
  ["update", { budget_id: "known", max_budget: "lots" }, "max_budget", "number or the text of one"],
  ["new", { soft_budget: "" }, "soft_budget", "number or the text of one"],
  ["new", { max_budget: "1".repeat(101) }, "max_budget", "100 characters"],
  ["new", { model_max_budget: { m: { max_budget: "lots" } } }, "model_max_budget.m.max_budget", "number"],
  ["new", { model_max_budget: { m: "lots" } }, "model_max_budget.m", "number"],
  ["update", { budget_id: 5 }, "budget_id", "string"],
  ["info", { budgets: "known" }, "budgets", "array"],
  ["delete", { budget_id: "known" }, "id", "required"],
])("/budget/%s with %j names the field %s", async (path, body, field, text) => {
  const before = await storedState(app.store);
  const { status, json } = await app.post(`/budget/${path}`, body);
  expect(status).toBe(422);
  const { detail } = json as { detail: { loc: string[]; msg: string }[] };
  const found = detail.find(({ loc }) => loc.slice(1).join(".") === field);
  expect(found?.msg).toContain(text);
  expect(await storedState(app.store)).toBe(before);
});

test.each([
  [0.1 + 0.2, 0.3],
  [0.0011120000000000001, 0.001112],
  ["0.1000000000", 0.1],
  ["1e-9", 1e-9],
  [1e9, 1e9],
])("an amount of %s is one of whole nano-dollars", async (amount, shown) => {
  const made = await app.make("/budget/new", { max_budget: amount, soft_budget: amount });
  expect(made).toMatchObject({ max_budget: shown, soft_budget: shown });
});

test("the limits of single models are shown in the words in which they were given", async () => {
  const budget_id = newId();
  const given = {
    a: { budget_limit: 1, time_period: "1d" },
    b: { max_budget: 2.5, budget_duration: "7d" },
    c: { time_period: "1mo", max_budget: 3 },
    d: { budget_limit: 4 },
    e: { max_budget: 5, budget_duration: null },
    f: 6,
  };
  const made = await app.make("/budget/new", { budget_id, model_max_budget: given });
  expect(made["model_max_budget"]).toEqual(given);
  // What changes other limits, of the tier or of one of its customers, changes no words.
  const raised = await app.make("/budget/update", { budget_id, max_budget: 9 });
  expect(raised["model_max_budget"]).toEqual(given);
  await app.make("/customer/new", { user_id: budget_id, budget_id });
  const own = await app.make("/customer/update", { user_id: budget_id, rpm_limit: 1 });
  expect(own["litellm_budget_table"]).toMatchObject({ model_max_budget: given });
  expect((await app.get(`/budget/settings?budget_id=${budget_id}`)).json).toContainEqual(
    expect.objectContaining({ field_name: "model_max_budget", field_value: given }),
  );
  const dumped = { budget_limit: null, max_budget: 1, time_period: null, tpm_limit: null, rpm_limit: null };
  expect(
    await app.make("/budget/update", { budget_id, tpd_limit: null, model_max_budget: { g: dumped } }),
  ).toMatchObject({ model_max_budget: { g: { max_budget: 1, time_period: null } } });
  const twice = { g: { max_budget: 1, time_period: null, budget_duration: "1d" } };
  expect(await app.make("/budget/update", { budget_id, model_max_budget: twice })).toMatchObject({
    model_max_budget: { g: { max_budget: 1, budget_duration: "1d" } },
  });
});

test("limits of single models from before their words were kept are shown as a limit and a period", async () => {
  const budget_id = newId();
  await app.make("/budget/new", { budget_id, model_max_budget: { m: 1 } });
  const modelLimits = [{ model: "m", maxBudgetNano: 500_000_000n, budgetDuration: "1d" }];
  await app.store.collections.budgets.updateOne({ _id: budget_id }, { $set: { modelLimits } });
  expect((await app.post("/budget/info", { budgets: [budget_id] })).json).toMatchObject([
    { model_max_budget: { m: { budget_limit: 0.5, time_period: "1d" } } },
  ]);
});

test("an update changes what is given, null clears, and two updates are two versions", async () => {
  const budget_id = newId();
  const made = await app.make("/budget/new", {
    budget_id,
    max_budget: 5,
    tpm_limit: 100,
    thresholds: [0.123456, 0.5, 1],
    model_max_budget: { mock: { max_budget: "0.5", budget_duration: "1d" } },
  });
  expect(made).toMatchObject({
    thresholds: [0.123456, 0.5, 1],
    model_max_budget: { mock: { max_budget: 0.5, budget_duration: "1d" } },
  });
  const raised = await app.make("/budget/update", { budget_id, max_budget: "7.5" });
  expect(raised).toEqual({ ...made, max_budget: 7.5, updated_at: raised["updated_at"] });
  const cleared = await app.make("/budget/update", {
    budget_id,
    max_budget: null,
    tpm_limit: null,
    thresholds: null,
    model_max_budget: null,
  });
  expect(cleared).toMatchObject({
    max_budget: null,
    tpm_limit: null,
    thresholds: null,
    model_max_budget: null,
  });
  const versions = [made, raised, cleared].map(({ updated_at }) => updated_at);
  expect(new Set(versions).size).toBe(3);
});

test("budget_reset_at is kept as sent, follows another duration, and goes with the duration", async () => {
  const budget_id = newId();
  const at = { duration: "30d", reset: "2094-05-06T07:08:09.000Z" };
  expect(
    await app.make("/budget/new", { budget_id, budget_duration: at.duration, budget_reset_at: at.reset }),
  ).toMatchObject({ budget_reset_at: at.reset });
  expect(await app.make("/budget/update", { budget_id, max_budget: 1 })).toMatchObject({
    budget_reset_at: at.reset,
  });
  const other = await app.make("/budget/update", { budget_id, budget_duration: "1d" });
  expect(Date.parse(String(other["budget_reset_at"])) - Date.now()).toBeLessThanOrEqual(86_400_000);
  // LiteLLM's times without an offset are UTC; an offset is understood.
  expect(
    await app.make("/budget/update", { budget_id, budget_reset_at: "2094-05-06T07:08:09.123456" }),
  ).toMatchObject({ budget_reset_at: "2094-05-06T07:08:09.123Z" });
  expect(
    await app.make("/budget/update", { budget_id, budget_reset_at: "2094-05-06T07:08:09+02:00" }),
  ).toMatchObject({ budget_reset_at: "2094-05-06T05:08:09.000Z" });
  expect(await app.make("/budget/update", { budget_id, budget_duration: null })).toMatchObject({
    budget_duration: null,
    budget_reset_at: null,
  });
  expect(await app.make("/budget/update", { budget_id, budget_reset_at: at.reset })).toMatchObject({
    budget_duration: null,
    budget_reset_at: at.reset,
  });
});

test("a changed tier counts for all of its customers at once", async () => {
  const budget_id = newId();
  await app.make("/budget/new", { budget_id, max_budget: 0 });
  for (const user of ["one", "two"])
    await app.make("/customer/new", { user_id: `${budget_id}-${user}`, budget_id });
  const call = (user: string) =>
    app.post("/chat/completions", {
      model: "mock",
      user: `${budget_id}-${user}`,
      messages: [{ role: "user", content: "Hi" }],
    });
  expect((await call("one")).status).toBe(422);
  await app.make("/budget/update", { budget_id, max_budget: 10 });
  await waitUntil("both to be served", async () =>
    [(await call("one")).status, (await call("two")).status].every((status) => status === 200),
  );
});

test("a deleted tier leaves its customers without a budget, and their spend", async () => {
  const budget_id = newId();
  const user_id = newId();
  const made = await app.make("/budget/new", { budget_id, max_budget: 3 });
  await app.make("/customer/new", { user_id, budget_id, spend: 1.5 });
  expect((await app.post("/budget/delete", { id: budget_id })).json).toEqual(made);
  expect(await app.customer(user_id)).toMatchObject({
    budget_id: null,
    effective_budget_id: null,
    litellm_budget_table: null,
    spend: 1.5,
  });
  expect((await app.post("/budget/delete", { id: budget_id })).status).toBe(404);
  expect((await app.post("/budget/info", { budgets: [budget_id] })).json).toEqual([]);
});
