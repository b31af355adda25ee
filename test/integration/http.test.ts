import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { MongoClient } from "mongodb";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppDeps, createApp } from "../../src/app.ts";
import { parseChatRequest } from "../../src/completions/chat-request.ts";
import { createModelCatalog } from "../../src/completions/model-catalog.ts";
import { prepareCall } from "../../src/completions/prepare-call.ts";
import { AppError } from "../../src/errors.ts";
import { Gate } from "../../src/http/gate.ts";
import { createIds } from "../../src/lib/ids.ts";
import { hashApiKey } from "../../src/lib/secrets.ts";
import { isStoreFull, isStoreUnavailable } from "../../src/store/store-failure.ts";
import type { EndpointDoc } from "../../src/store/webhook-documents.ts";
import { endpointJson } from "../../src/webhooks/endpoint-json.ts";
import { newEndpoint } from "../../src/webhooks/endpoint-store.ts";
import { DEPLOYMENT } from "../support/deployments.ts";

const lines: { fields: object; message: string }[] = [];
const record = (fields: object, message: string): void => {
  lines.push({ fields, message });
};
const log = { debug: record, info: record, warn: record, error: record };
const endpoint: EndpointDoc = {
  ...newEndpoint({ id: "default", url: "https://example.com/hook", secret: "sealed" }, new Date(0)),
  state: "disabled",
  disabledReason: "the receiver answered 410 Gone",
};
const STATS = { pending: 0, parked: 3, delivered: 1, failed: 1, lagSeconds: 0 };
const show = (doc: EndpointDoc): Promise<object> => Promise.resolve(endpointJson(doc, STATS, new Date(0)));
const unused = (): never => {
  throw new Error("This route is tested elsewhere");
};
let ready = true;
let draining = false;

const catalog = createModelCatalog([DEPLOYMENT], Math.random);

/** What the driver says of a store that nobody listens for. */
async function unreachable(): Promise<void> {
  const client = new MongoClient("mongodb://127.0.0.1:1", { serverSelectionTimeoutMS: 50 });
  try {
    await client.db().command({ ping: 1 });
  } finally {
    await client.close();
  }
}

const BOUNDS = { maxRequests: 100, maxBodyBytes: 1000, maxQueueMs: 0, nowMs: () => performance.now() };
const deps: AppDeps = {
  log,
  newId: createIds(),
  masterKeyHash: hashApiKey("sk-test"),
  maxBodyBytes: 1000,
  callGate: new Gate(BOUNDS),
  managementGate: new Gate(BOUNDS),
  isDraining: () => draining,
  isStoreUnavailable,
  isStoreFull,
  startedAt: new Date(1000),
  version: "0.0.0",
  catalog,
  readChat: async (body) => parseChatRequest(body),
  serveChat: async (incoming, client) => {
    const { call } = await prepareCall(
      {
        catalog,
        termsOf: () => Promise.resolve(null),
        admit: () => Promise.resolve({ kind: "unknown" }),
        loadAccount: () => Promise.resolve(null),
        ratesFor: () => null,
        tokens: { boundPrompt: ({ bytes }) => Promise.resolve(bytes.length) },
        now: () => new Date(),
        isStoreUp: () => true,
        requireRecordable: () => Promise.resolve(),
        customerIds: { headers: [], forwardedHeader: null, required: false, knownOnly: false },
        failClosedWithoutStore: false,
        serveUnknownWithoutStore: true,
        policy: { unpriced: "flag", exceededStatus: 422, failClosedWithoutRedis: true },
      },
      incoming,
    );
    client.admitted({
      customerId: call.customerId,
      model: call.model,
      deploymentId: call.deployment.id,
      stream: false,
      cappedTokens: null,
      maxNano: null,
      remainingNano: null,
      resetAt: null,
      region: null,
    });
    if (call.customerId === "boom") throw new Error("secret detail");
    if (call.customerId === "unbooked")
      throw new AppError("ledger_unavailable", "The charge for this call could not be recorded");
    return {
      kind: "body",
      status: 200,
      headers: { "content-type": "application/json" },
      body: Buffer.from('{"ok":1}'),
      upstreamMs: 0,
      charged: {
        costNano: 1_112_000n,
        estimated: false,
        unpriced: false,
        usage: {
          promptTokens: 1,
          completionTokens: 1,
          totalTokens: 2,
          cachedTokens: 0,
          cacheWriteTokens: 0,
          reasoningTokens: 0,
        },
        receipt: {
          state: "committed",
          totals: { spendNano: 2_000_000n, lifetimeSpendNano: 2_000_000n, sequence: 2n },
        },
      },
    };
  },
  customers: {
    show: async (id) => {
      if (id === "away") await unreachable();
      return id === "ada" ? { user_id: "ada" } : null;
    },
    create: () => Promise.resolve({}),
    update: () => Promise.resolve({}),
    delete: () => Promise.resolve(0),
    setBlocked: () => Promise.resolve([]),
    list: () => Promise.resolve({ rows: [], nextCursor: null }),
    dailyActivity: () => Promise.resolve({}),
    calls: () => Promise.resolve({ rows: [], nextCursor: null }),
    activity: () => Promise.resolve({}),
    move: () => Promise.resolve({}),
    exportCsv: () => Readable.from([]),
  },
  budgets: {
    create: () => Promise.resolve({}),
    update: () => Promise.resolve({}),
    delete: () => Promise.resolve({}),
    find: () => Promise.resolve([]),
    settings: () => Promise.resolve([]),
    preview: () => Promise.resolve({}),
    list: () => Promise.resolve({ rows: [], nextCursor: null }),
  },
  listAudit: () => Promise.resolve({ rows: [], nextCursor: null }),
  spendOverview: () => Promise.resolve({}),
  live: { watch: () => null },
  modelInfo: () => Promise.resolve([]),
  explainCharge: () => Promise.resolve(null),
  checkReadiness: () =>
    Promise.resolve({
      ready,
      store: ready ? "ok" : "unavailable",
      queue: "ok",
      spool: "ok",
      spooled_charges: 0,
      set_aside_charges: 0,
      draining: false,
    }),
  listPublicKeys: () => Promise.resolve([]),
  webhookEndpoints: {
    list: async () => [await show(endpoint)],
    find: (id) => {
      if (id !== "default") throw new AppError("endpoint_not_found", "There is no webhook endpoint");
      return show(endpoint);
    },
    show,
    create: unused,
    patch: unused,
    delete: unused,
    pause: unused,
    resume: () => Promise.resolve({ ...endpoint, state: "enabled", disabledReason: null }),
    rotate: unused,
    revoke: unused,
    reveal: () => Promise.resolve("whsec_x"),
    test: unused,
    history: unused,
  },
  webhookDeliveries: {
    list: unused,
    show: unused,
    resend: unused,
    startReplay: unused,
    showReplay: unused,
    pull: unused,
    pullCustomer: unused,
  },
  dashboardDir: "/nowhere",
  signInThrottle: { waitSeconds: () => 0, failed: () => {} },
  keyThrottle: { waitSeconds: () => 0, failed: () => {} },
  clientAddress: () => "127.0.0.1",
  sessions: {
    begin: () => Promise.reject(new Error("not here")),
    find: () => Promise.resolve(null),
    end: () => Promise.resolve(),
    isCsrf: () => false,
  },
};

let server: Server;
let base: string;
beforeAll(async () => {
  const handle = createApp(deps).callback();
  server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const KEY = { authorization: "Bearer sk-test" };

async function call(
  method: string,
  path: string,
  init: { headers?: Record<string, string>; body?: string } = {},
) {
  const response = await fetch(base + path, { method, headers: KEY, ...init });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: (text === "" ? null : JSON.parse(text)) as unknown,
  };
}

function chat(fields: object): string {
  return JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], ...fields });
}

test("without a key: 401 in LiteLLM's envelope", async () => {
  const { status, json } = await call("GET", "/v1/models", { headers: {} });
  expect(status).toBe(401);
  expect(json).toEqual({
    error: {
      message: "Authentication Error, No api key passed in.",
      type: "auth_error",
      param: null,
      code: "401",
    },
  });
});

test("a wrong key: 401 that does not repeat the key, and a line that says where it came from", async () => {
  lines.length = 0;
  const { status, text } = await call("GET", "/v1/models", {
    headers: { authorization: "Bearer sk-wrong-key" },
  });
  expect(status).toBe(401);
  expect(text).not.toContain("wrong-key");
  const line = lines.find(({ message }) => message === "http.request");
  expect(line?.fields).toMatchObject({ error: "invalid_api_key", clientAddress: "127.0.0.1" });
  expect(JSON.stringify(lines)).not.toContain("wrong-key");
});

test.each(["api-key", "x-api-key", "x-litellm-api-key"])("the key may come as %s", async (name) => {
  expect((await call("GET", "/v1/models", { headers: { [name]: "sk-test" } })).status).toBe(200);
});

test("models are listed as OpenAI lists them", async () => {
  expect((await call("GET", "/models")).json).toEqual({
    object: "list",
    data: [{ id: "m", object: "model", created: 1, owned_by: "spendhook" }],
  });
});

test.each([
  ["GET", "/nope", 404, "not_found"],
  ["GET", "/v1/chat/completions", 405, "invalid_request_error"],
  ["DELETE", "/customer/info", 405, "invalid_request_error"],
])("%s %s is %i", async (method, path, status, type) => {
  const answer = await call(method, path);
  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject({ error: { type, code: String(status) } });
});

test.each([
  ["a body over the cap", "x".repeat(1001), 413],
  ["no body", "", 400],
  ["broken JSON", "{", 400],
  ["an unknown model", chat({ model: "zz" }), 404],
])("%s is %i", async (_what, body, status) => {
  const answer = await call("POST", "/v1/chat/completions", { headers: KEY, body });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("x-should-retry")).toBe("false");
});

test("a body over the cap that does not say its length is cut off", async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (let i = 0; i < 20; i++) controller.enqueue(Buffer.alloc(100, 97));
      controller.close();
    },
  });
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: KEY,
    body,
    duplex: "half",
  });
  expect(response.status).toBe(413);
});

test("a compressed body is refused by name", async () => {
  const answer = await call("POST", "/v1/chat/completions", {
    headers: { ...KEY, "content-encoding": "gzip" },
    body: "x",
  });
  expect(answer.status).toBe(415);
});

test("an answer tells its cost and the customer's spend as exact decimals", async () => {
  const { status, headers, text } = await call("POST", "/chat/completions", {
    headers: { ...KEY, "x-litellm-call-id": "mine" },
    body: chat({ user: "ada" }),
  });
  expect([status, text]).toEqual([200, '{"ok":1}']);
  expect(headers.get("x-litellm-response-cost")).toBe("0.001112");
  expect(headers.get("x-spendhook-customer-spend")).toBe("0.002");
  expect(headers.get("x-litellm-call-id")).toBe("mine");
  expect(headers.get("x-request-id")).toMatch(/^req_/);
  expect(headers.get("x-litellm-model-id")).toBe("d");
});

test("an unexpected failure is 500 with a fixed text, and its cause only in the log", async () => {
  const { status, text } = await call("POST", "/chat/completions", {
    headers: KEY,
    body: chat({ user: "boom" }),
  });
  expect(status).toBe(500);
  expect(text).not.toContain("secret detail");
  expect(JSON.stringify(lines.filter((line) => line.message === "http.failure"))).toContain("secret detail");
});

test("a charge that could not be recorded is 503, to be tried again", async () => {
  const { status, headers } = await call("POST", "/chat/completions", {
    headers: KEY,
    body: chat({ user: "unbooked" }),
  });
  expect([status, headers.get("x-should-retry")]).toEqual([503, "true"]);
});

test.each(["/customer/info", "/end_user/info"])("%s answers known, unknown and missing ids", async (path) => {
  expect((await call("GET", `${path}?end_user_id=ada`)).json).toEqual({ user_id: "ada" });
  const unknown = await call("GET", `${path}?end_user_id=eve`);
  expect([unknown.status, unknown.json]).toEqual([
    404,
    {
      error: {
        message: "End User Id=eve does not exist in db",
        type: "not_found",
        param: "end_user_id",
        code: "404",
      },
    },
  ]);
  const missing = await call("GET", path);
  expect([missing.status, missing.json]).toEqual([
    422,
    { detail: [{ type: "missing", loc: ["query", "end_user_id"], msg: "Field required", input: null }] },
  ]);
});

test("while the store is away the answer is 503, to be tried again", async () => {
  const { status, headers, json } = await call("GET", "/customer/info?end_user_id=away");
  expect([status, headers.get("x-should-retry"), json]).toEqual([
    503,
    "true",
    {
      error: {
        message: "The store does not answer; please try again",
        type: "service_unavailable",
        param: null,
        code: "503",
      },
    },
  ]);
});

test("endpoints show no secret, which has a route of its own that is not cached", async () => {
  const list = await call("GET", "/webhook/endpoints");
  expect(list.text).not.toMatch(/sealed|whsec_/);
  expect(list.json).toMatchObject({
    data: [{ id: "default", state: "disabled", disabled_reason: "the receiver answered 410 Gone" }],
  });
  const secret = await call("GET", "/webhook/endpoints/default/secret");
  expect([secret.json, secret.headers.get("cache-control")]).toEqual([{ secret: "whsec_x" }, "no-store"]);
  expect((await call("POST", "/webhook/endpoints/default/resume")).json).toMatchObject({ state: "enabled" });
  expect((await call("GET", "/webhook/endpoints/other")).status).toBe(404);
});

test("every route is in the OpenAPI document, and nothing else is", async () => {
  const { status, json } = await call("GET", "/openapi.json", { headers: {} });
  expect(status).toBe(200);
  const described = Object.entries((json as { paths: Record<string, object> }).paths).flatMap(
    ([path, operations]) => Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = createApp(deps).middleware.flatMap((one) => {
    const { router } = one as { router?: { stack: { methods: string[]; path: unknown }[] } };
    return (router?.stack ?? []).flatMap(({ methods, path }) =>
      typeof path === "string" ? methods.map((method) => `${method} ${path}`) : [],
    );
  });
  const plain = served
    .filter((route) => !/^HEAD|\/end_user\/|\/ui\/api\/| \/$/.test(route))
    .map((route) => route.replace(":requestId", "{request_id}").replace(/:(\w+)/g, "{$1}"))
    // Told with their other spelling.
    .filter((route) => !/ \/(chat\/completions|models|health\/liveness)$/.test(route));
  expect(plain.length).toBeGreaterThan(40);
  expect(plain.toSorted()).toEqual(described.toSorted());
});

test("the document's schemas are those of the requests, and the page shows each route", async () => {
  const { json } = await call("GET", "/openapi.json", { headers: {} });
  const { paths } = json as {
    paths: Record<string, Record<string, { requestBody?: object; parameters: { name: string }[] }>>;
  };
  const body = JSON.stringify(paths["/customer/new"]?.["post"]?.requestBody);
  for (const field of ["user_id", "max_budget", "model_max_budget", "allowed_model_region"]) {
    expect(body).toContain(`"${field}"`);
  }
  const names = paths["/customer/list"]?.["get"]?.parameters.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["limit", "cursor", "search", "sort", "order"]));
  const page = await fetch(`${base}/docs`);
  const html = await page.text();
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  for (const path of Object.keys(paths)) expect(html).toContain(path);
});

test("health needs no key, and readiness follows store and queue", async () => {
  for (const path of ["/health/liveliness", "/health/liveness"]) {
    expect((await call("GET", path, { headers: {} })).status).toBe(200);
  }
  expect((await call("GET", "/health/readiness", { headers: {} })).status).toBe(200);
  ready = false;
  const answer = await call("GET", "/health/readiness", { headers: {} });
  ready = true;
  expect([answer.status, answer.json]).toEqual([
    503,
    {
      status: "unhealthy",
      store: "unavailable",
      queue: "ok",
      spool: "ok",
      spooled_charges: 0,
      set_aside_charges: 0,
      draining: false,
    },
  ]);
});

test("while draining, connections are not kept", async () => {
  draining = true;
  const { headers } = await call("GET", "/v1/models");
  draining = false;
  expect(headers.get("connection")).toBe("close");
});

test("one line per request, with no key and no prompt in it", async () => {
  lines.length = 0;
  await call("POST", "/chat/completions", {
    headers: KEY,
    body: chat({ user: "ada", messages: [{ role: "user", content: "my prompt" }] }),
  });
  const mine = lines.filter((line) => line.message === "http.request");
  expect(mine.filter((line) => JSON.stringify(line).includes('"customerId":"ada"'))).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toMatch(/sk-test|my prompt/);
});
