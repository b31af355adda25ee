import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { createApp } from "../../src/app.ts";
import { composeProxy } from "../../src/compose/proxy.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { serve } from "../../src/http/serve.ts";
import { createIds } from "../../src/lib/ids.ts";
import { hashApiKey } from "../../src/lib/secrets.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { openTestRedis } from "./test-redis.ts";
import { openTestStore } from "./test-store.ts";
import { waitUntil } from "./wait-until.ts";

export const OPERATOR_KEY = "sk-operator-1b6e";
/** Who the audit log says has made a change. */
export const ACTOR = hashApiKey(OPERATOR_KEY);

const MODELS = {
  model_list: [
    {
      model_name: "mock",
      litellm_params: { model: "openai/mock", mock_response: "Yes.", input_cost_per_token: 0.001 },
    },
    { model_name: "other", litellm_params: { model: "mistral/other", mock_response: "No." } },
  ],
};

export type Json = Record<string, unknown>;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

/** The proxy as `src/main.ts` wires it, in this process, on a store and a redis of its own. */
export interface AdminApp {
  readonly store: Store;
  /** For processes that work on the same data. */
  readonly storeUrl: string;
  readonly redisUrl: string;
  readonly configPath: string;
  call(method: string, pathname: string, body?: unknown): Promise<Answered>;
  get(pathname: string): Promise<Answered>;
  post(pathname: string, body: unknown): Promise<Answered>;
  /** POST of which only the status and the text matter: a stream, a refusal of whatever shape. */
  send(pathname: string, body: string): Promise<{ status: number; text: string }>;
  /** GET of whatever kind of text. */
  read(pathname: string): Promise<{ status: number; text: string }>;
  /** POST that must succeed; its answer. */
  make(pathname: string, body: object): Promise<Json>;
  /** GET /customer/info of a customer that must exist. */
  customer(id: string): Promise<Json>;
  close(): Promise<void>;
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function startAdminApp(settings: object = {}): Promise<AdminApp> {
  const server = await openTestStore();
  const redis = await openTestRedis();
  const folder = await mkdtemp(path.join(tmpdir(), "spendhook-admin-"));
  const storeUrl = inDatabase(server.url, createIds()("admin"));
  const configPath = path.join(folder, "config.yaml");
  await writeFile(configPath, stringify({ ...MODELS, ...settings }));
  const config = loadConfig({
    env: {
      MONGODB_URL: storeUrl,
      REDIS_URL: redis.url,
      MASTER_KEY: OPERATOR_KEY,
      DATA_DIR: path.join(folder, "data"),
      PORT: "0",
    },
    cwd: folder,
    configPath,
  });
  const proxy = composeProxy(config, silent);
  const serving = await serve(createApp(proxy.app).callback(), config);
  await waitUntil("readiness", async () => (await proxy.app.checkReadiness()).ready);
  const store = connectStore({ url: storeUrl, appName: "test" });
  const send = sender(`http://127.0.0.1:${serving.port}`);
  const call: AdminApp["call"] = async (method, pathname, body) => {
    const response = await send(method, pathname, body === undefined ? undefined : asBody(body));
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) as unknown };
  };
  const make = async (pathname: string, body: object): Promise<Json> =>
    ok(await call("POST", pathname, body));
  return {
    store,
    storeUrl,
    redisUrl: redis.url,
    configPath,
    call,
    get: (pathname) => call("GET", pathname),
    post: (pathname, body) => call("POST", pathname, body),
    send: async (pathname, body) => {
      const response = await send("POST", pathname, body);
      return { status: response.status, text: await response.text() };
    },
    read: async (pathname) => {
      const response = await send("GET", pathname);
      return { status: response.status, text: await response.text() };
    },
    make,
    customer: async (id) =>
      ok(await call("GET", `/customer/info?${new URLSearchParams({ end_user_id: id }).toString()}`)),
    close: async () => {
      proxy.startDraining();
      await serving.drain(5000);
      await proxy.close();
      await store.db.dropDatabase();
      await store.close();
      await redis.close();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Body = string | Uint8Array<ArrayBuffer>;

function sender(base: string) {
  return (method: string, pathname: string, body?: Body): Promise<Response> =>
    fetch(base + pathname, {
      method,
      headers: { authorization: `Bearer ${OPERATOR_KEY}`, "content-type": "application/json" },
      ...(body !== undefined && { body }),
    });
}

/** JSON; text and bytes go as they are. */
function asBody(body: unknown): Body {
  return typeof body === "string" || body instanceof Uint8Array ? (body as Body) : JSON.stringify(body);
}

function ok({ status, json, text }: Answered): Json {
  if (status !== 200) throw new Error(`It answered ${status}: ${text}`);
  return json as Json;
}

/** The same server, another database. */
function inDatabase(url: string, database: string): string {
  return url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*/, `$1/${database}`);
}

/** Every document that an operator can change, as text: equal before and after means that nothing has changed. */
export async function storedState({ collections }: Store): Promise<string> {
  const { customers, budgets, audit } = collections;
  const all = await Promise.all([
    customers.find().sort({ _id: 1 }).toArray(),
    budgets.find().sort({ _id: 1 }).toArray(),
    audit.find().sort({ _id: 1 }).toArray(),
  ]);
  return JSON.stringify(all, (_name, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
