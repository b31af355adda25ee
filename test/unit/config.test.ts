import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { ConfigError } from "../../src/config/config-error.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { configSummary } from "../../src/config/summary.ts";

const folder = mkdtempSync(path.join(tmpdir(), "config-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function write(text: string): string {
  const file = path.join(folder, `${files++}`);
  writeFileSync(file, text);
  return file;
}

function load(yaml: string, env: Record<string, string> = {}) {
  return loadConfig({ env, cwd: folder, configPath: write(yaml) });
}

function faultsOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error("There was no fault");
}

test("without anything the defaults hold, and the default key is known to be one", () => {
  const config = loadConfig({ env: {}, cwd: folder });
  expect(config).toMatchObject({
    host: "127.0.0.1",
    port: 4000,
    masterKey: "sk-1234",
    masterKeyIsDefault: true,
    embedded: true,
    webhookAllowPrivate: true,
    webhookAlerting: false,
    dataDir: path.join(folder, ".data"),
    maxBodyBytes: 20 * 1024 * 1024,
    deployments: [],
  });
  expect(Object.isFrozen(config)).toBe(true);
});

test("the shipped config.yaml is valid", () => {
  const config = loadConfig({ env: {}, cwd: path.join(import.meta.dirname, "../..") });
  expect(config.deployments.map((deployment) => deployment.modelName)).toContain("mistral");
  expect(config.webhookAlerting).toBe(true);
});

test("an external store needs a key of its own, and private webhook targets are closed", () => {
  const env = { MONGODB_URL: "mongodb://db/x" };
  expect(faultsOf(() => load("{}", env))).toContain("MASTER_KEY");
  expect(load("{}", { ...env, LITELLM_MASTER_KEY: "sk-own" })).toMatchObject({
    masterKey: "sk-own",
    webhookAllowPrivate: false,
  });
  expect(load("general_settings: { master_key: sk-file }", env).masterKey).toBe("sk-file");
});

test("a variable can come from a file, but not from both", () => {
  const file = write("sk-from-file\n");
  expect(load("{}", { MASTER_KEY_FILE: file }).masterKey).toBe("sk-from-file");
  expect(faultsOf(() => load("{}", { MASTER_KEY_FILE: file, MASTER_KEY: "x" }))).toContain("not both");
  expect(faultsOf(() => load("{}", { MASTER_KEY_FILE: "/nowhere" }))).toContain(
    "MASTER_KEY_FILE names a file that cannot be read (ENOENT)",
  );
});

test.each([
  ["PORT", "70000"],
  ["PORT", "x"],
  ["MONGODB_URL", "http://x"],
  ["REDIS_URL", "x"],
  ["WEBHOOK_URL", "ftp://x"],
  ["WEBHOOK_SECRET", "whsec_dG9vc2hvcnQ="],
  ["WEBHOOK_ALLOW_PRIVATE", "maybe"],
  ["WEBHOOK_ALLOW_CIDRS", "10.0.0.0"],
  ["TRUSTED_PROXIES", "10.0.0.1"],
  ["TRUSTED_PROXIES", "10.0.0.0/8, lb.internal"],
  ["TRUSTED_PROXIES", "10.0.0.0/33"],
  ["SECRETS_KEY", "short"],
  ["LOG_LEVEL", "loud"],
])("%s=%s is refused by name, without its value", (name, value) => {
  const message = faultsOf(() => load("{}", { [name]: value }));
  expect(message).toContain(`${name}: `);
  if (name === "WEBHOOK_SECRET") expect(message).not.toContain(value);
});

test.each([
  ["model_info: { id: приклад }", "model_info.id"],
  ['model_info: { id: "a\\nb" }', "model_info.id"],
  ["litellm_params: { model: openai/m, api_key: 'ключ' }", "api_key"],
  ["litellm_params: { model: openai/m, api_key: k, organization: 'org ' }", "organization"],
])("a value that cannot go into a header is refused at start: %s", (line, field) => {
  const rest = line.startsWith("litellm_params")
    ? ""
    : "    litellm_params: { model: openai/m, api_key: k }\n";
  const message = faultsOf(() => load(`model_list:\n  - model_name: m\n    ${line}\n${rest}`));
  expect(message).toContain(`${field}: goes into a header`);
});

test.each(["MASTER_KEY", "OPENAI_API_KEY"])("so is one of %s", (name) => {
  const yaml = "model_list:\n  - { model_name: m, litellm_params: { model: openai/m } }\n";
  const message = faultsOf(() => load(yaml, { OPENAI_API_KEY: "k", [name]: "sk-ключ" }));
  expect(message).toContain("goes into a header");
  expect(message).not.toContain("ключ");
});

test("customers nobody knows are refused while the store is away, unless the operator says otherwise", () => {
  expect(load("{}").budgets.serveUnknownWithoutStore).toBe(false);
  const { budgets } = load("general_settings: { unknown_customers_without_store: serve }");
  expect(budgets.serveUnknownWithoutStore).toBe(true);
});

test("no proxy is trusted unless its range is listed", () => {
  expect(load("{}").trustedProxies).toEqual([]);
  const listed = load("{}", { TRUSTED_PROXIES: "10.0.0.0/8, fd00::/8," });
  expect(listed.trustedProxies).toEqual(["10.0.0.0/8", "fd00::/8"]);
  expect(configSummary(listed)).toMatchObject({ trustedProxies: ["10.0.0.0/8", "fd00::/8"] });
});

test.each([
  ["modellist: []", 'unknown key "modellist" (did you mean "model_list"?)'],
  ["general_settings: { alertin: [] }", 'unknown key "general_settings.alertin" (did you mean "alerting"?)'],
  [
    "model_list: [{ model_name: a, litellm_params: { model: openai/a, api_key: k, api_bas: x } }]",
    'unknown key "model_list[0].litellm_params.api_bas" (did you mean "api_base"?)',
  ],
  [
    "model_list: [{ model_name: a, litellm_params: { model: opnai/a } }]",
    'unknown provider "opnai" (did you mean "openai"?)',
  ],
  ["model_list: [{ model_name: a, litellm_params: { model: openai/a } }]", "export OPENAI_API_KEY"],
  [
    "model_list: [{ model_name: a, litellm_params: { model: azure/a, api_key: k } }]",
    "api_base: required for azure/*",
  ],
  [
    "model_list: [{ model_name: a, litellm_params: { model: openai/a, api_key: os.environ/NOT_SET } }]",
    "model_list[0].litellm_params.api_key: the environment variable NOT_SET is not set",
  ],
  [
    "model_list: [{ model_name: a, litellm_params: { model: openai/a, api_key: k, input_cost_per_token: -1 } }]",
    "must be a non-negative USD amount",
  ],
  ...[2.5e-13, '"0.0000000000001"'].map((price) => [
    `model_list: [{ model_name: a, litellm_params: { model: openai/a, api_key: k, output_cost_per_token: ${price} } }]`,
    "model_list[0].litellm_params.output_cost_per_token: must not be finer than a pico-dollar (0.000000000001 USD) per token",
  ]),
  ["general_settings: { alerting: [slack] }", "general_settings.alerting[0]"],
  ["a: [", "Flow sequence"],
])("%s is refused: %s", (yaml, message) => {
  expect(faultsOf(() => load(yaml))).toContain(message);
});

test("all faults of a file are told at once", () => {
  const message = faultsOf(() => load("foo: 1\nmodel_list: [{ model_name: 3 }]"));
  expect(message).toContain("foo");
  expect(message).toContain("model_list[0].model_name");
  expect(message).toContain("model_list[0].litellm_params");
});

test("values come from the environment, and environment_variables act as if exported", () => {
  const yaml = `
environment_variables: { MISTRAL_API_KEY: mk, OTHER: ok }
model_list:
  - { model_name: a, litellm_params: { model: openai/gpt, api_key: os.environ/MY_KEY } }
  - { model_name: b, litellm_params: { model: mistral/small } }
  - { model_name: c, litellm_params: { model: openai/x, api_key: os.environ/OTHER } }`;
  expect(load(yaml, { MY_KEY: "k" }).deployments.map((deployment) => deployment.apiKey)).toEqual([
    "k",
    "mk",
    "ok",
  ]);
});

test("a missing named file is a fault, a missing default file is not", () => {
  expect(faultsOf(() => loadConfig({ env: { CONFIG_FILE_PATH: "nope.yaml" }, cwd: folder }))).toContain(
    "nope.yaml does not exist",
  );
});

test("a deployment may be in access groups", () => {
  const params = "litellm_params: { model: openai/x, api_key: k }";
  const { deployments } = load(`
model_list:
  - { model_name: a, ${params}, model_info: { access_groups: [cheap, beta] } }
  - { model_name: b, ${params} }`);
  expect(deployments.map(({ accessGroups }) => accessGroups)).toEqual([["cheap", "beta"], []]);
});

test("two entries of one model with the same target need ids", () => {
  const entry = "{ model_name: a, litellm_params: { model: openai/x, api_key: k } }";
  expect(faultsOf(() => load(`model_list: [${entry}, ${entry}]`))).toContain("set model_info.id");
});

test("no secret is in the start-up summary", () => {
  const secrets = {
    MASTER_KEY: "sk-very-secret",
    MONGODB_URL: "mongodb://user:dbpassword@db/x",
    REDIS_URL: "redis://:redispassword@cache",
    WEBHOOK_URL: "https://example.com/hooks/url-token?key=query-token",
    WEBHOOK_SECRET: `whsec_${Buffer.from("signing-secret-of-32-characters!").toString("base64")}`,
    SECRETS_KEY: Buffer.alloc(32, 7).toString("base64"),
  };
  const config = load(
    "model_list: [{ model_name: a, litellm_params: { model: openai/a, api_key: provider-key } }]",
    secrets,
  );
  const text = JSON.stringify(configSummary(config));
  const all = [
    "sk-very-secret",
    "dbpassword",
    "redispassword",
    "url-token",
    "query-token",
    secrets.WEBHOOK_SECRET,
    secrets.SECRETS_KEY,
    "provider-key",
  ];
  for (const secret of all) expect(text).not.toContain(secret);
});

const MIB = 1024 * 1024;
test.each([
  ["a small container", 256, {}, { maxRequests: 1024, maxBodyBytes: 20 * MIB, maxQueueMs: 1000 }],
  ["a middling machine", 4096, {}, { maxRequests: 4096, maxBodyBytes: 64 * MIB }],
  ["a large machine", 262_144, {}, { maxRequests: 8192, maxBodyBytes: 256 * MIB }],
  ["large bodies", 4096, { max_request_size_mb: 100 }, { maxBodyBytes: 100 * MIB }],
  [
    "what the file says",
    4096,
    { global_max_parallel_requests: 7, max_body_mb_in_flight: 30.5, max_queue_ms: 0 },
    { maxRequests: 7, maxBodyBytes: 30.5 * MIB, maxQueueMs: 0 },
  ],
])("how much is taken on at once follows from %s", (_what, memoryMib, general, expected) => {
  const configPath = write(JSON.stringify({ general_settings: general }));
  const { load } = loadConfig({ env: {}, cwd: folder, configPath, memoryBytes: memoryMib * MIB });
  expect(load).toMatchObject(expected);
});

test("room that the largest allowed body would not fit into is refused at start", () => {
  const yaml = "general_settings: { max_body_mb_in_flight: 10 }";
  expect(faultsOf(() => load(yaml))).toContain("must not be less than max_request_size_mb (20)");
  expect(load("general_settings: { max_body_mb_in_flight: 10, max_request_size_mb: 5 }").load).toMatchObject({
    maxBodyBytes: 10 * MIB,
  });
});
