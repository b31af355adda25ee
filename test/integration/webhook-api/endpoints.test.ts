import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MASTER_KEY } from "../../support/stack.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

let service: Service;
const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
/** Everything that must never be seen where it was not asked for. */
const hidden: string[] = [SECRET];

beforeAll(async () => {
  const env = { WEBHOOK_URL: "http://127.0.0.1:9/hook", WEBHOOK_SECRET: SECRET };
  service = await Service.start({ workers: [], env });
});
afterAll(async () => {
  const audit = await service.store.collections.audit.find().toArray();
  const told = JSON.stringify(audit.map(({ before, after }) => [before, after]));
  const everything = service.logged.join("\n") + told;
  await service.close();
  expect(hidden.filter((secret) => everything.includes(secret))).toEqual([]);
});

interface Endpoint {
  readonly id: string;
  readonly secret: string;
  readonly state: string;
  readonly [key: string]: unknown;
}
interface Refusal {
  readonly error: { readonly type: string; readonly code: string; readonly param: string | null };
}
interface Details {
  readonly detail: readonly {
    readonly loc: readonly string[];
    readonly type: string;
    readonly msg: string;
  }[];
}

const URL_OK = "http://127.0.0.1:9/a/secret-path";

async function create(fields: object = {}): Promise<Endpoint> {
  const made = await service.ask<Endpoint>("POST", "/webhook/endpoints", { url: URL_OK, ...fields });
  hidden.push(made.secret);
  return made;
}

const at = (id: string, action = ""): string => `/webhook/endpoints/${id}${action}`;

describe("creating", () => {
  test("answers the endpoint with its defaults and its secret, once, and no cache keeps it", async () => {
    const { status, headers, json } = await service.call<Endpoint>("POST", "/webhook/endpoints", {
      url: URL_OK,
    });
    hidden.push(json.secret);
    expect([status, headers.get("cache-control")]).toEqual([201, "no-store"]);
    expect(json.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^ep_/),
      url: URL_OK,
      description: null,
      state: "enabled",
      event_types: null,
      customers: null,
      header_names: [],
      timeout_ms: 15_000,
      max_in_flight: 50,
      rate_per_second: null,
      signature: "v1",
      public_key: null,
      coalesce: null,
      disabled_reason: null,
      paused_until: null,
    });
    const shown = await service.call("GET", at(json.id));
    const list = await service.call("GET", "/webhook/endpoints");
    expect(shown.text + list.text).not.toContain(json.secret);
    expect(list.text).toContain(json.id);
  });

  test("takes every setting, and shows no header's value", async () => {
    const fields = {
      description: "billing",
      event_types: ["spend_tracked", "budget_crossed"],
      customers: ["ada"],
      timeout_ms: 5000,
      max_in_flight: 3,
      rate_per_second: 0.5,
      signature: "v1+v1a",
      coalesce: { max_events: 10, max_seconds: 5 },
    };
    const headers = { Authorization: "Bearer very-hidden-1", "X-Tenant": "very-hidden-2" };
    const secret = `whsec_${randomBytes(24).toString("base64")}`;
    hidden.push("very-hidden-1", "very-hidden-2");
    const { status, json, text } = await service.call<Endpoint>("POST", "/webhook/endpoints", {
      url: URL_OK,
      ...fields,
      headers,
      secret,
    });
    hidden.push(secret);
    expect([status, json.secret]).toEqual([201, secret]);
    expect(json).toMatchObject({ ...fields, header_names: ["authorization", "x-tenant"] });
    expect(json["public_key"]).toMatch(/^whpk_/);
    expect(text).not.toContain("very-hidden");
  });

  test.each<[string, object | string]>([
    ["no url", {}],
    ["an unknown field", { url: URL_OK, nonsense: 1 }],
    ["an unknown type of event", { url: URL_OK, event_types: ["spend_tracked", "nonsense"] }],
    ["no type of event", { url: URL_OK, event_types: [] }],
    ["no customer", { url: URL_OK, customers: [] }],
    ["too many customers", { url: URL_OK, customers: Array.from({ length: 1001 }, (_, i) => `c${i}`) }],
    ["a time-out below five seconds", { url: URL_OK, timeout_ms: 4999 }],
    ["a time-out above thirty seconds", { url: URL_OK, timeout_ms: 30_001 }],
    ["no attempt in flight", { url: URL_OK, max_in_flight: 0 }],
    ["too many attempts in flight", { url: URL_OK, max_in_flight: 101 }],
    ["a rate of nothing", { url: URL_OK, rate_per_second: 0 }],
    ["a rate beyond all", { url: URL_OK, rate_per_second: 1001 }],
    ["another signature", { url: URL_OK, signature: "v2" }],
    ["batches of one", { url: URL_OK, coalesce: { max_events: 1, max_seconds: 5 } }],
    ["batches that wait too long", { url: URL_OK, coalesce: { max_events: 5, max_seconds: 301 } }],
    ["a secret without its prefix", { url: URL_OK, secret: randomBytes(32).toString("base64") }],
    ["a secret of 23 bytes", { url: URL_OK, secret: `whsec_${randomBytes(23).toString("base64")}` }],
    ["a secret of 65 bytes", { url: URL_OK, secret: `whsec_${randomBytes(65).toString("base64")}` }],
    ["a public key for a secret", { url: URL_OK, secret: `whpk_${randomBytes(32).toString("base64")}` }],
    ["a secret that is not base64", { url: URL_OK, secret: "whsec_%" }],
  ])("with %s is 422, and names the field", async (_what, body) => {
    const { status, json } = await service.call<Details>("POST", "/webhook/endpoints", body);
    expect(status).toBe(422);
    expect(json.detail.length).toBeGreaterThan(0);
    for (const { loc } of json.detail) expect(loc[0]).toBe("body");
  });

  test("tells every wrong field at once", async () => {
    const body = { url: 5, timeout_ms: 1, max_in_flight: 0, nonsense: true };
    const { json } = await service.call<Details>("POST", "/webhook/endpoints", body);
    const fields = json.detail.map(({ loc }) => loc[1]);
    expect(new Set(fields)).toEqual(new Set(["url", "timeout_ms", "max_in_flight", "nonsense"]));
  });

  test.each([
    ["no body", ""],
    ["broken JSON", "{"],
  ])("with %s is 400", async (_what, body) => {
    expect((await service.call("POST", "/webhook/endpoints", body)).status).toBe(400);
  });
});

describe("custom headers (row 25)", () => {
  const REFUSED: [string, Record<string, string>][] = [
    ["a line break", { "x-a": "1\r\nx-injected: 2" }],
    ["a bare line feed", { "x-a": "1\nx: 2" }],
    ["a NUL", { "x-a": "a\u0000b" }],
    ["no ASCII", { "x-a": "héllo" }],
    ["a value of 64 KB", { "x-a": "a".repeat(65_536) }],
    ["a value of 2049 bytes", { "x-a": "a".repeat(2049) }],
    ["no name", { "": "1" }],
    ["a space in its name", { "x a": "1" }],
    ["a colon in its name", { "x:a": "1" }],
    ["a line break in its name", { "x\r\na": "1" }],
    ["too many", Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`x-${i}`, "1"]))],
    ...[
      "Host",
      "Connection",
      "Transfer-Encoding",
      "TE",
      "Upgrade",
      "Expect",
      "User-Agent",
      "Cookie",
      "Content-Type",
      "content-length",
      "Webhook-Id",
      "webhook-signature",
      "Proxy-Authorization",
      "X-Forwarded-For",
      "X-Amz-Date",
      "X-Goog-Api-Key",
      "X-MS-Blob-Type",
    ].map((name): [string, Record<string, string>] => [name, { [name]: "1" }]),
  ];
  test.each(REFUSED)("%s: 422 when it is created and when it is changed", async (_what, headers) => {
    const known = await create();
    for (const answer of [
      await service.call<Details>("POST", "/webhook/endpoints", { url: URL_OK, headers }),
      await service.call<Details>("PATCH", at(known.id), { headers }),
    ]) {
      expect(answer.status).toBe(422);
      expect(answer.json.detail.map(({ loc }) => loc[1])).toContain("headers");
    }
    expect(await service.ask("GET", at(known.id))).toMatchObject({ header_names: [] });
  });

  test("are replaced as a whole, and null takes them away", async () => {
    const { id } = await create({ headers: { "X-A": "1", "X-B": "2" } });
    const patch = (headers: object | null) => service.ask("PATCH", at(id), { headers });
    expect(await patch({ "x-c": "a".repeat(2048) })).toMatchObject({ header_names: ["x-c"] });
    expect(await patch(null)).toMatchObject({ header_names: [] });
  });
});

describe("changing", () => {
  test("keeps what is absent and clears what is null", async () => {
    const { id } = await create({ description: "x", event_types: ["budget_reset"], rate_per_second: 5 });
    const changed = await service.ask("PATCH", at(id), { description: null, max_in_flight: 7 });
    expect(changed).toMatchObject({
      description: null,
      max_in_flight: 7,
      event_types: ["budget_reset"],
      rate_per_second: 5,
    });
    expect(changed).not.toHaveProperty("secret");
    expect(await service.ask("PATCH", at(id), { event_types: null, rate_per_second: null })).toMatchObject({
      event_types: null,
      rate_per_second: null,
    });
  });

  test.each([
    ["a secret", { secret: `whsec_${randomBytes(32).toString("base64")}` }],
    ["its state", { state: "enabled" }],
    ["an unknown field", { nonsense: 1 }],
    ["no URL", { url: null }],
  ])("of %s is refused", async (_what, body) => {
    const { id } = await create();
    expect((await service.call("PATCH", at(id), body)).status).toBe(422);
  });

  test("a new URL begins with a clean record, the same one changes nothing", async () => {
    const { id } = await create();
    const { endpoints } = service.store.collections;
    const since = new Date(Date.now() - 6 * 86_400_000);
    const trouble = {
      pausedUntil: new Date(Date.now() + 60_000),
      "breaker.openUntil": new Date(Date.now() + 60_000),
      "breaker.opens": 4,
      "health.consecutiveFailures": 40,
      "health.failingSince": since,
      "health.lastFailureAt": new Date(),
    };
    await endpoints.updateOne({ _id: id }, { $set: trouble });
    const known = await endpoints.findOne({ _id: id });
    await service.ask("PATCH", at(id), { url: known?.url });
    expect((await endpoints.findOne({ _id: id }))?.health.failingSince).toEqual(since);
    await service.ask("PATCH", at(id), { url: "https://93.184.215.99/" });
    expect(await endpoints.findOne({ _id: id })).toMatchObject({
      pausedUntil: null,
      breaker: { openUntil: null, opens: 0 },
      health: { consecutiveFailures: 0, failingSince: null, warnings: 0 },
    });
  });

  test("a pause and a resume change the state, and both may be repeated", async () => {
    const { id } = await create();
    for (const [action, state] of [
      ["pause", "paused"],
      ["pause", "paused"],
      ["resume", "enabled"],
      ["resume", "enabled"],
    ]) {
      expect(await service.ask("POST", at(id, `/${action}`))).toMatchObject({ id, state });
    }
  });

  test("a deleted endpoint is gone, also for those who delete it again", async () => {
    const { id } = await create();
    const gone = await service.call("DELETE", at(id));
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await service.call("DELETE", at(id))).status).toBe(404);
    expect((await service.call("GET", at(id))).status).toBe(404);
    expect((await service.call("GET", "/webhook/endpoints")).text).not.toContain(id);
  });
});

describe("secrets", () => {
  test("are shown when they are asked for, and that is written down", async () => {
    const { id, secret } = await create();
    const { headers, json } = await service.call("GET", at(id, "/secret"));
    expect([json, headers.get("cache-control")]).toEqual([{ secret }, "no-store"]);
    const audit = await service.call("GET", `/audit?target_id=${id}`);
    expect(audit.text).toContain("endpoint.reveal_secret");
    expect(audit.text).toContain("endpoint.create");
    expect(audit.text).not.toContain(secret);
    expect(audit.text).not.toContain("secret-path");
  });

  test("five may sign at once, a sixth is refused, and a revocation makes room", async () => {
    const { id } = await create();
    const rotate = (body?: object) => service.call<Endpoint & Refusal>("POST", at(id, "/rotate"), body);
    for (let i = 2; i <= 5; i++) {
      const { status, json } = await rotate();
      hidden.push(json.secret);
      expect([status, (json["secrets"] as object[]).length]).toEqual([200, i]);
    }
    const sixth = await rotate();
    expect([sixth.status, sixth.json.error.type]).toEqual([400, "invalid_request_error"]);
    expect((await service.ask<Endpoint>("POST", at(id, "/revoke")))["secrets"]).toHaveLength(1);
    const { json } = await rotate({ overlap_seconds: 0 });
    hidden.push(json.secret);
    expect(json["secrets"]).toHaveLength(1);
    expect(await service.ask("GET", at(id, "/secret"))).toEqual({ secret: json.secret });
  });

  test.each([
    ["a negative overlap", { overlap_seconds: -1 }],
    ["more than a week", { overlap_seconds: 604_801 }],
    ["half a second", { overlap_seconds: 0.5 }],
    ["a short secret", { secret: "whsec_c2hvcnQ=" }],
    ["an unknown field", { nonsense: 1 }],
  ])("a rotation with %s is 422", async (_what, body) => {
    const { id } = await create();
    expect((await service.call("POST", at(id, "/rotate"), body)).status).toBe(422);
  });
});

describe("the endpoint of WEBHOOK_URL", () => {
  test("is there, with the secret of WEBHOOK_SECRET", async () => {
    expect(await service.ask("GET", at("default"))).toMatchObject({ id: "default", state: "enabled" });
    expect(await service.ask("GET", at("default", "/secret"))).toEqual({ secret: SECRET });
  });

  test.each([
    ["a new URL", "PATCH", "", { url: "https://93.184.215.14/" }],
    ["a deletion", "DELETE", "", undefined],
    ["a rotation", "POST", "/rotate", {}],
  ])("refuses %s, which the environment decides", async (_what, method, action, body) => {
    const { status, json } = await service.call<Refusal>(method, at("default", action), body);
    expect([status, json.error.code]).toEqual([400, "400"]);
  });

  test("takes other settings", async () => {
    expect(await service.ask("PATCH", at("default"), { max_in_flight: 9 })).toMatchObject({
      max_in_flight: 9,
    });
  });

  test("takes other settings together with the URL that it has", async () => {
    const { url } = await service.ask<{ url: string }>("GET", at("default"));
    expect(await service.ask("PATCH", at("default"), { url, max_in_flight: 11 })).toMatchObject({
      url,
      max_in_flight: 11,
    });
  });
});

test.each([
  ["GET", ""],
  ["PATCH", ""],
  ["DELETE", ""],
  ["POST", "/pause"],
  ["POST", "/resume"],
  ["POST", "/rotate"],
  ["POST", "/revoke"],
  ["GET", "/secret"],
  ["POST", "/test"],
  ["GET", "/history"],
])("%s of an unknown endpoint%s is 404", async (method, action) => {
  const body = method === "GET" ? undefined : {};
  const { status, json } = await service.call<Refusal>(method, at("ep_unknown", action), body);
  expect([status, json.error.type]).toEqual([404, "not_found"]);
});

test.each(["0", "721", "x", ""])("a history of '%s' hours is 422", async (hours) => {
  expect((await service.call("GET", at("default", `/history?hours=${hours}`))).status).toBe(422);
});

test("every route wants the operator's key, but for the public keys", async () => {
  const { config } = service;
  expect(config.masterKey).toBe(MASTER_KEY);
  await waitUntil("an answer", async () => (await service.call("GET", at("default"))).status === 200);
  const paths = [
    "/webhook/endpoints",
    "/webhook/deliveries",
    "/events",
    "/customer/a/events",
    at("default", "/secret"),
  ];
  for (const path of paths) expect((await fetch(service.url(path))).status).toBe(401);
  const keys = await fetch(service.url("/.well-known/spendhook/webhook-keys.json"));
  expect([keys.status, keys.headers.get("cache-control")]).toEqual([200, "public, max-age=300"]);
});
