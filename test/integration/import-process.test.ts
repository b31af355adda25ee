import { mkdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startStore } from "../../src/embedded/store/server.ts";
import { type AdminApp, startAdminApp, storedState } from "../support/admin-app.ts";
import {
  type Exports,
  litellmBudget,
  litellmCustomer,
  newExports,
  plainCustomer,
} from "../support/litellm-exports.ts";
import { type Ran, runImport } from "../support/run-import.ts";
import { runVerify } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

let app: AdminApp;
let exports: Exports;
/** Only one test has a budget of this id. */
const DEFAULT_TIER = "for-everyone";

beforeAll(async () => {
  exports = await newExports();
  app = await startAdminApp({ litellm_settings: { max_end_user_budget_id: DEFAULT_TIER } });
});
afterAll(async () => {
  await app.close();
  await exports.remove();
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return runImport(args, { MONGODB_URL: app.storeUrl, CONFIG_FILE_PATH: app.configPath, ...env });
}

test("a dry run writes nothing and tells what would be done", async () => {
  const customers = await exports.write("dry.json", [
    {
      ...litellmCustomer,
      user_id: "dry",
      budget_id: "dry",
      litellm_budget_table: { ...litellmBudget, budget_id: "dry" },
    },
    { ...plainCustomer, user_id: "dry-bad", spend: -1 },
  ]);
  const before = await storedState(app.store);
  const dry = await run([customers, "--dry-run"]);
  expect(dry.code).toBe(1);
  expect(dry.out.split("\n")).toEqual([
    "import: dry run; nothing was written, this is what would be done",
    "budgets:   1 created, 0 updated, 0 unchanged, 0 skipped",
    "customers: 1 created, 0 updated, 0 unchanged, 1 skipped",
    expect.stringContaining('skipped dry.json[1] customer "dry-bad": spend: '),
    "import: 2 changes to make",
    "",
  ]);
  expect(await storedState(app.store)).toBe(before);
  const done = await run([customers]);
  expect(done.out.split("\n").slice(0, 3)).toEqual(dry.out.split("\n").slice(1, 4));
});

test("--json prints the report for programs", async () => {
  const customers = await exports.write(
    "json.ndjson",
    [
      JSON.stringify({ ...plainCustomer, user_id: "json", default_model: "gpt-9" }),
      JSON.stringify({ ...plainCustomer, user_id: "json-bad", blocked: "no" }),
    ].join("\n"),
  );
  const { code, out } = await run([customers, "--json"]);
  expect([code, JSON.parse(out)]).toEqual([
    1,
    {
      dry_run: false,
      budgets: { created: 0, updated: 0, unchanged: 0 },
      customers: { created: 1, updated: 0, unchanged: 0 },
      skipped: [
        {
          file: "json.ndjson",
          line: 2,
          kind: "customer",
          id: "json-bad",
          reason: 'blocked: Invalid input: expected boolean, received string, got "no"',
        },
      ],
      notes: [{ what: 'default_model "gpt-9" is not configured here', ids: ["json"] }],
      spend_kept: [],
    },
  ]);
});

test.each([
  ["through Redis", true],
  ["without it", false],
])("a running service sees the change, told %s", async (_how, told) => {
  const user_id = `seen-${told}`;
  const call = (): Promise<{ status: number }> =>
    app.post("/chat/completions", {
      model: "mock",
      user: user_id,
      messages: [{ role: "user", content: "Hi" }],
    });
  expect((await call()).status).toBe(200);
  const blocked = await exports.write("seen.json", [{ ...plainCustomer, user_id, blocked: true }]);
  expect((await run([blocked], told ? { REDIS_URL: app.redisUrl } : {})).code).toBe(0);
  if (told) expect((await call()).status).toBe(400);
  else await waitUntil("the customer to be blocked", async () => (await call()).status === 400);
});

test("an opening spend counts at once, also for an id that has been refused before", async () => {
  const user_id = "opening";
  const call = (): Promise<{ status: number }> =>
    app.post("/chat/completions", {
      model: "mock",
      user: user_id,
      messages: [{ role: "user", content: "Hi" }],
    });
  await app.make("/budget/new", { budget_id: DEFAULT_TIER, max_budget: 0 });
  await app.make("/budget/new", { budget_id: "roomy", max_budget: 4 });
  try {
    expect((await call()).status).toBe(422);
    const rows = [{ ...plainCustomer, user_id, budget_id: "roomy", spend: 5 }];
    const done = await run([await exports.write("opening.json", rows)], { REDIS_URL: app.redisUrl });
    expect(done).toMatchObject({ code: 0 });
    const refused = await app.post("/chat/completions", {
      model: "mock",
      user: user_id,
      messages: [{ role: "user", content: "Hi" }],
    });
    expect([refused.status, refused.json]).toMatchObject([
      422,
      { error: { budget: { budget_id: "roomy", spend: 5 } } },
    ]);
  } finally {
    await app.make("/budget/delete", { id: DEFAULT_TIER });
  }
});

test("while the service is stopped the import goes into its DATA_DIR, where verify finds no difference", async () => {
  const dataDir = path.join(exports.folder, "data");
  await mkdir(dataDir);
  const store = await startStore({ dataDir: path.join(dataDir, "store") });
  await store.close();
  const files = [
    await exports.write("budgets.json", [litellmBudget]),
    await exports.write("customers.json", [
      litellmCustomer,
      plainCustomer,
      { ...plainCustomer, user_id: "bob" },
    ]),
  ];
  const env = { DATA_DIR: dataDir };
  const first = await runImport(files, env);
  expect([first.code, first.out]).toEqual([1, expect.stringContaining("customers: 2 created")]);
  expect(await runVerify(dataDir)).toMatchObject({
    code: 0,
    output: expect.stringContaining("no difference"),
  });
  expect((await runImport(files, env)).out).toContain("import: nothing to change");
});

test("keys of the configuration that are not set here are no obstacle, and that it is not read is said", async () => {
  const config = await exports.write(
    "keys.yaml",
    "model_list: [{model_name: m, litellm_params: {model: openai/m, api_key: os.environ/NOBODY_SETS_THIS}}]",
  );
  const customers = await exports.write("keys.json", [
    { ...plainCustomer, user_id: "keys", default_model: "x" },
  ]);
  const ran = await run([customers], { CONFIG_FILE_PATH: config });
  expect(ran).toMatchObject({ code: 0, err: expect.stringContaining("NOBODY_SETS_THIS is not set") });
  expect(ran.err).toContain("default models are not checked");
  expect((await run([customers, "--config", config])).code).toBe(2);
});

test("--help tells how it is used", async () => {
  const { code, out } = await run(["--help"]);
  expect([code, out]).toEqual([0, expect.stringContaining("Usage: npm run import --")]);
});

const write = async (name: string, content: unknown): Promise<string[]> => [
  await exports.write(name, content),
];

test.each<[string, () => string[] | Promise<string[]>, string, Record<string, string>?]>([
  ["no file", () => [], "it needs the files"],
  ["an option that there is not", () => ["--nonsense"], "--nonsense"],
  ["a missing file", () => [path.join(exports.folder, "missing.json")], "there is no such file"],
  [
    "an error answer",
    () => write("error.json", { error: { message: "No api key passed in." } }),
    "error.json: it has neither customers (user_id) nor budgets (budget_id)",
  ],
  ["a missing configuration", () => ["--config", "/nonexistent.yaml"], "does not exist"],
  ["a store that is away", () => [], "connect ECONNREFUSED", { MONGODB_URL: "mongodb://127.0.0.1:1" }],
  ["a store of another kind", () => [], "expected mongodb://", { MONGODB_URL: "postgres://x" }],
])("%s is exit code 2, with nothing written", async (what, more, reason, env = {}) => {
  const before = await storedState(app.store);
  const good = await exports.write("good.json", [{ ...plainCustomer, user_id: "never" }]);
  const args = [...(what === "no file" ? [] : [good]), ...(await more())];
  const { code, out, err } = await run(args, env);
  expect([code, out, err]).toEqual([2, "", expect.stringContaining(reason)]);
  expect(await storedState(app.store)).toBe(before);
});

test("a DATA_DIR without a store is exit code 2", async () => {
  const good = await exports.write("good.json", [plainCustomer]);
  const DATA_DIR = path.join(exports.folder, "no-data");
  const ran = await runImport([good], { DATA_DIR, CONFIG_FILE_PATH: app.configPath });
  expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("there is no embedded store here") });
});
