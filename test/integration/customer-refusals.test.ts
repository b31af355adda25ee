import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminApp, startAdminApp, storedState } from "../support/admin-app.ts";

let app: AdminApp;

beforeAll(async () => {
  app = await startAdminApp();
  await app.make("/budget/new", { budget_id: "tier", max_budget: 4 });
  await app.make("/customer/new", { user_id: "known" });
});
afterAll(() => app.close());

const LITELLM_ERRORS: { name: string; path: string; body: object; status: number; answer: object }[] = [
  {
    name: "a duplicate id",
    path: "new",
    body: { user_id: "known", max_budget: 1 },
    status: 400,
    answer: {
      error: {
        message: "Customer already exists, passed user_id=known. Please pass a new user_id.",
        type: "bad_request",
        param: "user_id",
        code: "400",
      },
    },
  },
  {
    name: "both max_budget and budget_id",
    path: "new",
    body: { user_id: "fresh", max_budget: 0, budget_id: "tier" },
    status: 422,
    answer: {
      detail: [
        {
          type: "value_error",
          loc: ["body", "max_budget"],
          msg: "Set either 'max_budget' or 'budget_id', not both.",
          input: 0,
        },
      ],
    },
  },
  {
    name: "an unknown budget",
    path: "new",
    body: { user_id: "fresh", budget_id: "nope" },
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
    name: "a default model that is not configured",
    path: "new",
    body: { user_id: "fresh", default_model: "gpt-9", max_budget: 1 },
    status: 422,
    answer: {
      error: {
        message:
          'Default Model not on proxy. Configure via config.yaml. Default_model=gpt-9, proxy_model_names=["mock","other"]',
        type: "invalid_request_error",
        param: "default_model",
        code: "422",
      },
    },
  },
  {
    name: "an unknown customer",
    path: "update",
    body: { user_id: "fresh", max_budget: 1 },
    status: 404,
    answer: {
      error: {
        message: "End User Id=fresh does not exist in db",
        type: "not_found",
        param: "user_id",
        code: "404",
      },
    },
  },
  {
    name: "an unknown budget",
    path: "update",
    body: { user_id: "known", budget_id: "nope", blocked: true },
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
    name: "one unknown id among known ones",
    path: "delete",
    body: { user_ids: ["known", "fresh", "gone"] },
    status: 404,
    answer: {
      error: {
        message: "End User Id(s)=fresh, gone do not exist in db",
        type: "not_found",
        param: "user_ids",
        code: "404",
      },
    },
  },
  {
    name: "an empty list",
    path: "delete",
    body: { user_ids: [] },
    status: 400,
    answer: {
      error: {
        message: "user_id is required, passed user_id = []",
        type: "invalid_request_error",
        param: "user_ids",
        code: "400",
      },
    },
  },
  {
    name: "a negative amount",
    path: "new",
    body: { user_id: "fresh", max_budget: -1, spend: "-0.5" },
    status: 400,
    answer: {
      detail: {
        error:
          "spend must be a non-negative finite number. Received: -0.5; max_budget must be a non-negative finite number. Received: -1",
      },
    },
  },
  {
    name: "amounts finer than a nano-dollar",
    path: "new",
    body: { user_id: "fresh", max_budget: 5e-11, spend: "5e-10" },
    status: 400,
    answer: {
      detail: {
        error:
          "spend must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-10; max_budget must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-11",
      },
    },
  },
  {
    name: "a maximum finer than a nano-dollar",
    path: "update",
    body: { user_id: "known", max_budget: 5e-11 },
    status: 400,
    answer: {
      detail: { error: "max_budget must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-11" },
    },
  },
];

test.each(LITELLM_ERRORS.flatMap((row) => ["customer", "end_user"].map((prefix) => ({ ...row, prefix }))))(
  "/$prefix: $name to /$path changes nothing",
  async ({ prefix, path, body, status, answer }) => {
    const before = await storedState(app.store);
    const refused = await app.post(`/${prefix}/${path}`, body);
    expect([refused.status, refused.json]).toEqual([status, answer]);
    expect(await storedState(app.store)).toBe(before);
  },
);

test("every wrong field is named at once, with what was expected and what came", async () => {
  const before = await storedState(app.store);
  const { status, json } = await app.post("/customer/new", {
    user_id: 5,
    alias: ["x"],
    blocked: "no",
    max_budget: -1,
    budget_id: "tier",
    soft_budget: "NaN",
    budget_duration: "monthly",
    tpm_limit: 1.5,
    rpm_limit: "many",
    thresholds: [0.5, 0, 2],
    models: { a: 1 },
    allowed_model_region: "mars",
    model_max_budget: {
      mock: { budget_limit: 1, max_budget: 2 },
      other: { time_period: "x", max_budget: 1 },
    },
    max_bugdet: 3,
  });
  expect(status).toBe(422);
  const { detail } = json as { detail: { loc: unknown[]; msg: string }[] };
  expect(Object.fromEntries(detail.map(({ loc, msg }) => [loc.slice(1).join("."), msg]))).toEqual({
    user_id: "Invalid input: expected string, received number, got 5",
    alias: "Invalid input: expected string, received array, got a list",
    blocked: 'Invalid input: expected boolean, received string, got "no"',
    max_budget: "Set either 'max_budget' or 'budget_id', not both.",
    soft_budget: 'Input should be a non-negative finite number, got "NaN"',
    budget_duration:
      'Input should be a count and a unit of s, m, h, d, w, mo, such as 30d or 1mo, got "monthly"',
    tpm_limit: "Input should be a whole number, got 1.5",
    rpm_limit: 'Input should be a whole number, got "many"',
    "thresholds.1": "A share is more than 0, got 0",
    "thresholds.2": "A share is at most 1, got 2",
    models: "Invalid input: expected array, received object, got an object",
    allowed_model_region: 'Invalid option: expected one of "eu"|"us", got "mars"',
    "model_max_budget.mock": "Input should have either budget_limit or max_budget, got an object",
    "model_max_budget.other.time_period":
      'Input should be a count and a unit of s, m, h, d, w, mo, such as 30d or 1mo, got "x"',
    max_bugdet: "Extra inputs are not permitted",
  });
  expect(detail.map(({ msg }) => msg)).toContain("Input should be a non-negative finite number, got -1");
  expect(await storedState(app.store)).toBe(before);
});

test.each([
  ["not JSON", "{", 400, "not valid JSON"],
  ["no body", "", 400, "no body"],
  ["a NaN", '{"user_id":"x","max_budget":NaN}', 400, "not valid JSON"],
  ["a number that is infinite", '{"user_id":"x","max_budget":1e999}', 422, "got Infinity"],
  ["an amount nobody has", '{"user_id":"x","max_budget":1e30}', 400, "Received: 1e+30"],
  ["a list", "[]", 422, "expected object"],
  ["a missing id", "{}", 422, "Field required"],
  ["an empty id", '{"user_id":""}', 422, "not be empty"],
  ["an id over 1 KiB", JSON.stringify({ user_id: "é".repeat(513) }), 422, "1024 bytes"],
  ["half a surrogate pair", '{"user_id":"\\ud800"}', 422, "well-formed"],
  ["half a surrogate pair in an alias", '{"user_id":"x","alias":"\\udc00"}', 422, "well-formed"],
  ["a key that is a trap", '{"user_id":"x","object_permission":{"__proto__":{}}}', 400, "__proto__"],
  ["a bottomless nest", `{"user_id":"x","object_permission":${'{"a":'.repeat(9000)}1`, 400, "nested deeper"],
  ["many values", `{"user_id":"x","models":[${"1,".repeat(10_000)}1]}`, 400, "more than 10000 values"],
  ["text after its end", '{"user_id":"x"}}', 400, "valid JSON"],
  [
    "a deep nest",
    `{"user_id":"x","object_permission":${'{"a":'.repeat(9000)}1${"}".repeat(9001)}`,
    400,
    "nested deeper",
  ],
])("a body with %s is refused", async (_what, body, status, text) => {
  const refused = await app.post("/customer/new", body);
  expect(refused.status).toBe(status);
  expect(refused.text).toContain(text);
});

test("a body that is not UTF-8 is refused, not guessed at", async () => {
  const before = await storedState(app.store);
  const refused = await app.call("POST", "/customer/new", Buffer.from('{"user_id":"caf\xe9"}', "latin1"));
  expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("UTF-8")]);
  expect(await storedState(app.store)).toBe(before);
});

test("ids may be any text: they come back as they were sent", async () => {
  for (const id of [
    "a/b?c=d&e",
    "日本語 🐙",
    "  spaced  ",
    "nul\u0000byte",
    "__proto__",
    '{"a":1}',
    "é".repeat(512),
  ]) {
    const made = await app.make("/customer/new", { user_id: id, alias: id });
    expect([made["user_id"], made["alias"]]).toEqual([id, id]);
    expect(await app.customer(id)).toMatchObject(made);
  }
});

test.each(["customer", "end_user"])("/%s/info names the parameter that is missing", async (prefix) => {
  const missing = await app.get(`/${prefix}/info`);
  expect([missing.status, missing.json]).toEqual([
    422,
    { detail: [{ type: "missing", loc: ["query", "end_user_id"], msg: "Field required", input: null }] },
  ]);
  const unknown = await app.get(`/${prefix}/info?end_user_id=nobody`);
  expect([unknown.status, unknown.json]).toMatchObject([
    404,
    { error: { param: "end_user_id", code: "404" } },
  ]);
});

test.each(["block", "unblock", "delete"])("/customer/%s wants a list of ids", async (route) => {
  for (const body of [
    {},
    { user_ids: "a" },
    { user_ids: [1] },
    { user_ids: [""] },
    { user_ids: ["a"], x: 1 },
  ]) {
    expect((await app.post(`/customer/${route}`, body)).status).toBe(422);
  }
});
