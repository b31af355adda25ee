import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { createApp } from "../../src/app.ts";
import { composeMaintenance } from "../../src/compose/maintenance.ts";
import { composeProxy } from "../../src/compose/proxy.ts";
import { composeWebhookWorker } from "../../src/compose/workers.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { serve } from "../../src/http/serve.ts";
import type { Log } from "../../src/lib/log.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { MASTER_KEY, SECRETS_KEY } from "./stack.ts";
import { openTestRedis } from "./test-redis.ts";
import { openTestStore } from "./test-store.ts";
import { waitUntil } from "./wait-until.ts";

export interface ServiceOptions {
  /** general_settings.webhook_settings */
  readonly webhooks?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Which processes run beside the proxy; both unless told otherwise. */
  readonly workers?: readonly ("webhooks" | "maintenance")[];
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: T;
}

/** Everything that `npm start` runs, in this process: real parts, real store, real Redis, on a folder of its own. */
export class Service {
  readonly config: Config;
  /** The store, as an operator with `mongosh` sees it. */
  readonly store: Store;
  /** Everything that was logged, of every level. */
  readonly logged: string[] = [];
  #baseUrl = "";
  readonly #closers: (() => Promise<unknown>)[] = [];

  private constructor(config: Config) {
    this.config = config;
    this.store = connectStore({ url: config.mongodbUrl ?? "", appName: "test" });
  }

  static async start(options: ServiceOptions = {}): Promise<Service> {
    const folder = mkdtempSync(path.join(tmpdir(), "spendhook-service-"));
    const [store, redis] = [await openTestStore(), await openTestRedis()];
    const file = path.join(folder, "config.yaml");
    const general = { alerting: ["webhook"], webhook_settings: options.webhooks ?? {} };
    const mock = { model: "openai/gpt-4o-mini", mock_response: "All is well." };
    const models = [{ model_name: "mock", litellm_params: mock }];
    writeFileSync(file, stringify({ model_list: models, general_settings: general }));
    const config = loadConfig({
      cwd: folder,
      env: {
        PORT: "0",
        DATA_DIR: folder,
        CONFIG_FILE_PATH: file,
        MASTER_KEY,
        SECRETS_KEY,
        MONGODB_URL: withDatabase(store.url, `service_${process.pid}_${Date.now()}`),
        REDIS_URL: redis.url,
        WEBHOOK_ALLOW_PRIVATE: "true",
        ...options.env,
      },
    });
    const service = new Service(config);
    service.#closers.push(
      () => store.close(),
      () => redis.close(),
      () => Promise.resolve(rmSync(folder, { recursive: true, force: true, maxRetries: 10 })),
      async () => {
        await service.store.db.dropDatabase();
        await service.store.close();
      },
    );
    await service.#open(options.workers ?? ["webhooks", "maintenance"]);
    return service;
  }

  async #open(workers: readonly string[]): Promise<void> {
    const proxy = composeProxy(this.config, this.log);
    const serving = await serve(createApp(proxy.app).callback(), this.config);
    this.#baseUrl = `http://127.0.0.1:${serving.port}`;
    this.#closers.push(
      () => proxy.close(),
      () => serving.drain(5000),
    );
    await waitUntil("readiness", async () => (await fetch(`${this.#baseUrl}/health/readiness`)).ok);
    if (workers.includes("webhooks")) this.startWorker();
    if (workers.includes("maintenance")) {
      const maintenance = composeMaintenance(this.config, this.log);
      this.#closers.push(() => maintenance.stop());
    }
  }

  /** One more webhook worker; answers how to stop it. */
  startWorker(): () => Promise<void> {
    const worker = composeWebhookWorker(this.config, this.log);
    let stopping: Promise<void> | null = null;
    const stop = (): Promise<void> => (stopping ??= worker.stop());
    this.#closers.push(stop);
    return stop;
  }

  get log(): Log {
    const record = (fields: object, message: string): void => {
      this.logged.push(`${message} ${JSON.stringify(fields)}`);
    };
    return { debug: record, info: record, warn: record, error: record };
  }

  url(route: string): string {
    return `${this.#baseUrl}${route}`;
  }

  /** A request with the operator's key; a body that is no text is sent as JSON. */
  async call<T = Record<string, unknown>>(method: string, route: string, body?: unknown): Promise<Answer<T>> {
    const response = await fetch(this.url(route), {
      method,
      headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    const json = (isJson ? JSON.parse(text) : null) as T;
    return { status: response.status, headers: response.headers, text, json };
  }

  /** The same, for a call that must succeed: its body. */
  async ask<T = Record<string, unknown>>(method: string, route: string, body?: unknown): Promise<T> {
    const { status, text, json } = await this.call<T>(method, route, body);
    if (status >= 300) throw new Error(`${method} ${route} answered ${status}: ${text}`);
    return json;
  }

  /** So many calls that a customer is charged for, at once; answers their event ids. */
  async charge(customerId: string, calls = 1): Promise<string[]> {
    const message = { role: "user", content: "How is it?" };
    const body = { model: "mock", user: customerId, messages: [message] };
    return Promise.all(
      Array.from({ length: calls }, async () => {
        const { status, headers, text } = await this.call("POST", "/v1/chat/completions", body);
        if (status !== 200) throw new Error(`A call was answered ${status}: ${text}`);
        return (headers.get("x-request-id") ?? "").replace(/^req_/, "evt_");
      }),
    );
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

function withDatabase(url: string, database: string): string {
  return url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${database}`);
}
