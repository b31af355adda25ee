import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { LateAddress } from "../support/late-address.ts";
import { NameServer } from "../support/name-server.ts";
import { type Line, NodeProcess } from "../support/node-process.ts";
import { newWebhookSecret, Receiver } from "../support/receiver.ts";
import { MASTER_KEY, SECRETS_KEY } from "../support/stack.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { openTestStore } from "../support/test-store.ts";
import { waitUntil } from "../support/wait-until.ts";

const MOCK = { model: "openai/gpt-4o-mini", mock_response: "All is well." };
const CONFIG = {
  model_list: [{ model_name: "mock", litellm_params: MOCK }],
  general_settings: { alerting: ["webhook"] },
};

/** Names that only the test's own name server will ever know. */
const STORE_NAME = "store.spendhook.test";
const HOST_NAME = "host.spendhook.test";

/** Longer than a claim of a process that is gone and a pass of the sweep. */
const LAPSED_MS = 120_000;

let closers: (() => unknown)[];
let folder: string;
let receiver: Receiver;
let store: string;
let redis: string;
let names: NameServer;
let address: LateAddress;
let processes: Record<"proxy" | "webhooks" | "maintenance", NodeProcess>;

beforeEach(async () => {
  closers = [];
  folder = mkdtempSync(path.join(tmpdir(), "spendhook-late-"));
  writeFileSync(path.join(folder, "config.yaml"), stringify(CONFIG));
  const [openedStore, openedRedis] = [await openTestStore(), await openTestRedis()];
  [store, redis] = [openedStore.url, openedRedis.url];
  const secret = newWebhookSecret();
  receiver = await Receiver.start(secret);
  names = await NameServer.start();
  address = await LateAddress.reserve();
  closers.push(
    () => openedStore.close(),
    () => openedRedis.close(),
    () => receiver.close(),
    () => names.close(),
    () => address.close(),
    () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }),
  );

  const env = {
    PORT: "0",
    MASTER_KEY,
    SECRETS_KEY,
    CONFIG_FILE_PATH: path.join(folder, "config.yaml"),
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: secret,
    WEBHOOK_ALLOW_PRIVATE: "true",
    ...names.env,
  };
  start = (urls) => {
    const one = (name: string, file: string): NodeProcess => {
      const started = NodeProcess.start(file, { ...env, DATA_DIR: path.join(folder, name), ...urls });
      closers.push(() => started.stop("SIGKILL"));
      return started;
    };
    startProxy = () => one("caller", "src/main.ts");
    processes = {
      proxy: one("proxy", "src/main.ts"),
      webhooks: one("webhooks", "workers/webhooks.ts"),
      maintenance: one("maintenance", "workers/maintenance.ts"),
    };
  };
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

/** One of each process, as an operator starts them when the machine has come up. */
let start: (urls: { MONGODB_URL: string; REDIS_URL: string }) => void;
/** One more proxy beside them. */
let startProxy: () => NodeProcess;

/** A service manager's stop is a clean end of all. */
async function stopAll(): Promise<void> {
  for (const process of Object.values(processes)) {
    expect(await process.stop()).toEqual({ code: 0, signal: null });
  }
}

/** The same URL with another host and port, and a database of this test's own. */
function storeAt(host: string): string {
  return `mongodb://${host}/late_${process.pid}_${address.port}?directConnection=true`;
}

function ask(baseUrl: string, method: string, route: string, body?: object): Promise<Response> {
  return fetch(`${baseUrl}${route}`, {
    method,
    headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function call(baseUrl: string): Promise<number> {
  const message = { role: "user", content: "Hi" };
  const answer = await ask(baseUrl, "POST", "/v1/chat/completions", {
    model: "mock",
    user: "ada",
    messages: [message],
  });
  await answer.text();
  return answer.status;
}

async function readiness(baseUrl: string): Promise<number> {
  return (await fetch(`${baseUrl}/health/readiness`)).status;
}

async function ready(baseUrl: string): Promise<void> {
  await waitUntil("readiness", async () => (await readiness(baseUrl)) === 200);
}

interface Late {
  readonly what: string;
  readonly url: () => string;
  /** What is there instead, before the service. */
  readonly before?: () => Promise<void>;
  readonly comes: (service: string) => Promise<void>;
}

const REFUSED: Late = {
  what: "refuses connections at first",
  url: () => `127.0.0.1:${address.port}`,
  comes: (service) => address.lead(service),
};
const SILENT: Late = {
  what: "is silent at first, and never ends what was connected to it then",
  url: () => `127.0.0.1:${address.port}`,
  before: () => address.hang(),
  comes: (service) => address.lead(service),
};
const NAMELESS: Late = {
  what: "has a name that does not resolve at first",
  url: () => `${HOST_NAME}:${address.port}`,
  comes: async (service) => {
    await address.lead(service);
    names.addHost(HOST_NAME);
  },
};

// Setup     proxy, webhooks worker and maintenance, each started by itself while the store cannot be reached.
// Timeline  the first connects of all have failed, and each has done without; the store comes.
// Proves    each finds it by itself: the proxy is ready, a call is charged, its event delivered, and
//           maintenance sees the endpoints again.
describe("a store that comes after the processes is found by each of them", () => {
  const isAbout = ({ msg, work }: Line, said: string): boolean => msg === said && work === "endpoints";
  const found = async ({ url, before, comes }: Omit<Late, "what">): Promise<void> => {
    await before?.();
    start({ MONGODB_URL: url(), REDIS_URL: redis });
    const { proxy, webhooks, maintenance } = processes;
    const baseUrl = await proxy.listening();
    for (const process of Object.values(processes)) {
      await process.said("a first connect that has failed", ({ msg }) => msg === "start.waiting");
    }
    for (const worker of [webhooks, maintenance]) {
      await worker.said("work without a store", (line) => isAbout(line, "repeat.failed"));
    }
    expect(await readiness(baseUrl)).toBe(503);

    await comes(store);

    await ready(baseUrl);
    expect(await call(baseUrl)).toBe(200);
    await waitUntil("the call's event", () => receiver.accepted.length === 1);
    for (const worker of [webhooks, maintenance]) {
      await worker.said("work with the store", (line) => isAbout(line, "repeat.recovered"));
    }
    await stopAll();
  };

  test.for([REFUSED, SILENT, NAMELESS])("which $what", (late) =>
    found({ ...late, url: () => storeAt(late.url()) }),
  );

  // The embedded store cannot be told of by such a name: it is shown that what the name leads to is connected to.
  test("whose mongodb+srv name does not resolve at first", async () => {
    await address.hang();
    start({ MONGODB_URL: `mongodb+srv://${STORE_NAME}/?tls=false`, REDIS_URL: redis });
    const baseUrl = await processes.proxy.listening();
    for (const process of Object.values(processes)) {
      await process.said("a first connect that has failed", ({ msg }) => msg === "start.waiting");
    }
    expect((await ask(baseUrl, "GET", "/customer/list")).status).toBe(503);

    names.addHost(HOST_NAME);
    names.addStore(STORE_NAME, { host: HOST_NAME, port: address.port });
    await waitUntil("a connection of each", () => address.connections >= Object.keys(processes).length);
    await stopAll();
  });
});

// Setup     as above, and it is Redis that cannot be reached. A customer without limits is served without it.
// Timeline  the first connects of all have failed; a call is made whose event nobody can be told of, and the proxy
//           that made it ends; Redis comes.
// Proves    each finds it by itself: maintenance wakes the webhooks worker, which delivers; another proxy is ready,
//           and what it charges is delivered, too.
describe("a Redis that comes after the processes is found by each of them", () => {
  test.for([REFUSED, SILENT, NAMELESS])("which $what", async ({ url, before, comes }) => {
    await before?.();
    start({ MONGODB_URL: storeAt(new URL(store).host), REDIS_URL: `redis://${url()}` });
    const baseUrl = await processes.proxy.listening();
    for (const process of Object.values(processes)) {
      await process.said("a first connect that has failed", ({ msg }) => msg === "redis.unavailable");
    }
    const caller = startProxy();
    const callerUrl = await caller.listening();
    // The claim with which a delivery is born lapses after the longest attempt: a short one is waited for less.
    const shorter = { timeout_ms: 5000 };
    await waitUntil("a shorter attempt", async () => {
      return (await ask(callerUrl, "PATCH", "/webhook/endpoints/default", shorter)).status === 200;
    });
    await waitUntil("a call without Redis", async () => (await call(callerUrl)) === 200);
    await waitUntil("its delivery in the store", async () => {
      const answer = await ask(callerUrl, "GET", "/webhook/deliveries");
      return ((await answer.json()) as { data: unknown[] }).data.length === 1;
    });
    await caller.stop();
    expect(await readiness(baseUrl)).toBe(503);
    expect(receiver.accepted).toEqual([]);

    await comes(redis);

    await waitUntil("the event of the proxy that is gone", () => receiver.accepted.length === 1, LAPSED_MS);
    await ready(baseUrl);
    expect(await call(baseUrl)).toBe(200);
    await waitUntil("the event of the other", () => receiver.accepted.length === 2);
    await stopAll();
  });
});
