import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createApp } from "../../src/app.ts";
import { composeProxy, type Proxy } from "../../src/compose/proxy.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { type Serving, serve } from "../../src/http/serve.ts";
import { createIds } from "../../src/lib/ids.ts";
import type { Log } from "../../src/lib/log.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { openTestRedis } from "./test-redis.ts";
import { openTestStore } from "./test-store.ts";
import { waitUntil } from "./wait-until.ts";

export const KEY = "sk-dashboard-test";
const BEARER = { authorization: `Bearer ${KEY}` };
const QUIET: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const newId = createIds();

/** What each token of the model `m` costs, in nano-USD; its mock answers in words. */
export const TOKEN_NANO = 1000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body where it is JSON, else null. */
  readonly json: unknown;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Which of the proxies; the first if not said. */
  readonly proxy?: number;
}

interface Running {
  readonly proxy: Proxy;
  readonly serving: Serving;
}

export interface DashboardAppOptions {
  readonly proxies?: number;
  readonly litellmSettings?: object;
  readonly dashboardDir?: string;
  readonly liveHeartbeatMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Proxies in this process, wired as in production, on a store and a Redis of their own. */
export class DashboardApp {
  readonly config: Config;
  /** The same database that the proxies write to. */
  readonly store: Store;
  readonly #running: Running[] = [];
  readonly #closers: (() => Promise<unknown>)[];

  private constructor(config: Config, store: Store, closers: (() => Promise<unknown>)[]) {
    this.config = config;
    this.store = store;
    this.#closers = closers;
  }

  static async start(options: DashboardAppOptions = {}): Promise<DashboardApp> {
    const [mongo, redis] = await Promise.all([openTestStore(), openTestRedis()]);
    const folder = await mkdtemp(path.join(tmpdir(), "spendhook-dashboard-"));
    const configFile = path.join(folder, "config.yaml");
    await writeFile(configFile, JSON.stringify(configOf(options)));
    const mongodbUrl = new URL(mongo.url.replace(/^mongodb:/, "http:"));
    mongodbUrl.pathname = `/${newId("dash")}`;
    const env = {
      MONGODB_URL: mongodbUrl.href.replace(/^http:/, "mongodb:"),
      REDIS_URL: redis.url,
      MASTER_KEY: KEY,
      SECRETS_KEY: Buffer.alloc(32, 7).toString("base64"),
      DATA_DIR: path.join(folder, "data"),
      CONFIG_FILE_PATH: configFile,
      ...options.env,
    };
    const config = loadConfig({ env, cwd: folder });
    const store = connectStore({ url: env.MONGODB_URL, appName: "test" });
    const app = new DashboardApp(config, store, [
      () => rm(folder, { recursive: true, force: true }),
      () => mongo.close(),
      () => redis.close(),
      () => store.close(),
      () => store.db.dropDatabase(),
    ]);
    for (let at = 0; at < (options.proxies ?? 1); at++) await app.#startProxy(options);
    return app;
  }

  async #startProxy({ dashboardDir, liveHeartbeatMs }: DashboardAppOptions): Promise<void> {
    const proxy = composeProxy(this.config, QUIET);
    const deps = {
      ...proxy.app,
      ...(dashboardDir !== undefined && { dashboardDir }),
      ...(liveHeartbeatMs !== undefined && { liveHeartbeatMs }),
    };
    const serving = await serve(createApp(deps).callback(), { port: 0, host: "127.0.0.1" });
    this.#running.push({ proxy, serving });
    const at = this.#running.length - 1;
    await waitUntil("a ready proxy", async () => {
      return (await this.call("GET", "/health/readiness", { proxy: at })).status === 200;
    });
  }

  base(proxy = 0): string {
    return `http://127.0.0.1:${this.#running[proxy]?.serving.port}`;
  }

  /** One request with the operator's key, unless other headers are given. */
  async call(method: string, target: string, options: CallOptions = {}): Promise<Answer> {
    const { body, headers = BEARER, proxy } = options;
    const response = await fetch(this.base(proxy) + target, {
      method,
      headers,
      redirect: "manual",
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    const json: unknown = isJson ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, json };
  }

  /** Answers the JSON of a request that must succeed. */
  async ok<T>(method: string, target: string, body?: unknown): Promise<T> {
    const answer = await this.call(method, target, { body });
    if (answer.status >= 300) throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
    return answer.json as T;
  }

  /** One paid call of a customer; resolves with the whole answer. */
  chat(user: string, fields: object = {}, proxy = 0): Promise<Answer> {
    return this.call("POST", "/v1/chat/completions", {
      body: { model: "m", messages: [{ role: "user", content: "hi" }], user, ...fields },
      proxy,
    });
  }

  /** Signs in and answers what a browser then sends: for reading, and for changing things. */
  async signIn(): Promise<{ cookie: Record<string, string>; write: Record<string, string> }> {
    const answer = await this.call("POST", "/ui/api/session", { headers: {}, body: { key: KEY } });
    const cookie = { cookie: (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "" };
    const { csrf_token: token } = answer.json as { csrf_token: string };
    return { cookie, write: { ...cookie, "x-csrf-token": token } };
  }

  /** Stops one proxy as a signal does; what it holds is made durable. */
  async stop(proxy: number): Promise<void> {
    const running = this.#running[proxy];
    running?.proxy.startDraining();
    await running?.serving.drain(5000);
    await running?.proxy.close();
    this.#running.splice(proxy, 1);
  }

  async close(): Promise<void> {
    while (this.#running.length > 0) await this.stop(0);
    for (const close of this.#closers.reverse()) await close();
  }
}

function configOf({ litellmSettings = {} }: DashboardAppOptions): object {
  const price = (TOKEN_NANO / 1e9).toFixed(9);
  return {
    model_list: [
      {
        model_name: "m",
        litellm_params: {
          model: "openai/m-1",
          mock_response: "It is sunny.",
          input_cost_per_token: price,
          output_cost_per_token: price,
        },
        model_info: { max_output_tokens: 64 },
      },
      {
        model_name: "free",
        litellm_params: { model: "openai/unknown-model-x", mock_response: "Who knows." },
      },
    ],
    litellm_settings: litellmSettings,
  };
}
