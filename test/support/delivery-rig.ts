import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import { BASE_ENV } from "./base-env.ts";
import { createIds } from "../../src/lib/ids.ts";
import { sealSecret } from "../../src/lib/secrets.ts";
import { createDeliveryQueue, type DeliveryQueue } from "../../src/queues/delivery-queue.ts";
import { connectRedis } from "../../src/queues/redis.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { commitCharges } from "../../src/spend/commit-charges.ts";
import { createLedgerStore } from "../../src/spend/ledger-store.ts";
import { eventIdOf, type EventPlanner } from "../../src/spend/plan-batch.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import type { DeliveryDoc } from "../../src/store/webhook-documents.ts";
import { redisService, storeService } from "../../src/supervisor/services.ts";
import { newEndpoint } from "../../src/webhooks/endpoint-store.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../../src/webhooks/event-body.ts";
import { LEDGER_OPTIONS } from "./ledger-parts.ts";
import { newWebhookSecret, Receiver } from "./receiver.ts";
import { MASTER_KEY, SECRETS_KEY } from "./stack.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** The shortest that an endpoint may have: a dead worker's claims lapse after ten seconds more. */
const TIMEOUT_MS = 5000;
const KEEP_MS = 86_400_000;

/** A worker of ours in a process of its own. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #running: Promise<void>;

  /** Its standard output is read here: the word that it runs, and what it has to complain about. */
  constructor(child: ChildProcess) {
    this.#child = child;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running = promise;
    // Who has ended already need not be waited for.
    child.once("exit", () => resolve());
    createInterface(child.stdout!).on("line", (line) => {
      if (/"msg":"[^"]*\.running"/.test(line)) resolve();
      if (/^\{"level":[56]0/.test(line)) process.stderr.write(`${line}\n`);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** Tells it to stop as soon as it runs; resolves with how it ended. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    // Before that nobody listens, and the signal just ends it.
    await this.#running;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`It had ended by itself: ${this.#child.exitCode ?? this.#child.signalCode}`);
    }
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    return { code, signal };
  }
}

/**
 * What delivery needs and nothing else: the store and Redis as processes, workers to start and kill, and a
 * receiver for each endpoint. Charges are committed by the test itself, as a proxy does it.
 */
export class DeliveryRig {
  readonly mongodbUrl: string;
  readonly redisUrl: string;
  readonly store: Store;
  /** Ids of all events so far. */
  readonly events: string[] = [];
  readonly redisPid: number;
  readonly receivers = new Map<string, Receiver>();
  readonly #folder: string;
  readonly #queue: DeliveryQueue;
  readonly #newId = createIds();
  readonly #closers: (() => Promise<unknown>)[];
  readonly #workers: WorkerProcess[] = [];

  private constructor(
    folder: string,
    services: { mongodbUrl: string; redisUrl: string; redisPid: number },
    closers: (() => Promise<unknown>)[],
  ) {
    this.#folder = folder;
    this.mongodbUrl = services.mongodbUrl;
    this.redisUrl = services.redisUrl;
    this.redisPid = services.redisPid;
    this.store = connectStore({ url: this.mongodbUrl, appName: "test" });
    const redis = connectRedis(this.redisUrl, { failFast: true, log: quiet });
    this.#queue = createDeliveryQueue(redis, quiet);
    this.#closers = [
      ...closers,
      () => this.store.close(),
      () => Promise.resolve(redis.disconnect()),
      () => this.#queue.close(),
    ];
  }

  /** Starts it with endpoints of these ids; `settings` is `general_settings.webhook_settings`. */
  static async start(endpointIds: readonly string[], settings: object = {}): Promise<DeliveryRig> {
    const folder = mkdtempSync(path.join(tmpdir(), "spendhook-delivery-"));
    const config = { general_settings: { alerting: ["webhook"], webhook_settings: settings } };
    writeFileSync(path.join(folder, "config.yaml"), stringify(config));
    const [mongo, redis] = [await storeService(folder, quiet), await redisService(folder, quiet)];
    const [runningMongo, runningRedis] = [await mongo.start(), await redis.start()];
    const services = { mongodbUrl: mongo.url, redisUrl: redis.url, redisPid: runningRedis.pid };
    const rig = new DeliveryRig(folder, services, [() => runningMongo.stop(), () => runningRedis.stop()]);
    await ensureIndexes(rig.store);
    for (const id of endpointIds) await rig.#addEndpoint(id);
    return rig;
  }

  async #addEndpoint(id: string): Promise<void> {
    const secret = newWebhookSecret();
    const receiver = await Receiver.start(secret);
    this.receivers.set(id, receiver);
    const sealed = sealSecret(secret, Buffer.from(SECRETS_KEY, "base64"));
    const endpoint = newEndpoint({ id, url: receiver.url, secret: sealed }, new Date());
    await this.store.collections.endpoints.insertOne({ ...endpoint, timeoutMs: TIMEOUT_MS });
  }

  receiver(endpointId: string): Receiver {
    const receiver = this.receivers.get(endpointId);
    if (receiver === undefined) throw new Error(`There is no endpoint ${endpointId}`);
    return receiver;
  }

  /** Commits one charge of each customer, whose id is the endpoint's that wants it and a number, and wakes workers. */
  async commit(customerIds: readonly string[]): Promise<string[]> {
    const charges = customerIds.map((customerId) => chargeOf(customerId, this.#newId("req")));
    const deps = {
      store: createLedgerStore(this.store, LEDGER_OPTIONS),
      planner: PLANNER,
      committed: ({ deliveries }: { deliveries: readonly DeliveryDoc[] }) => this.#queue.announce(deliveries),
      now: () => new Date(),
    };
    await commitCharges(deps, charges, performance.now() + 30_000);
    const ids = charges.map(({ requestId }) => eventIdOf(requestId));
    this.events.push(...ids);
    return ids;
  }

  /** Starts `workers/webhooks.ts`, through other addresses where they are given. */
  webhooks(through: { mongodbUrl?: string; redisUrl?: string } = {}): WorkerProcess {
    return this.#work("webhooks", through);
  }

  /** Starts `workers/maintenance.ts`. */
  maintenance(through: { mongodbUrl?: string; redisUrl?: string } = {}): WorkerProcess {
    return this.#work("maintenance", through);
  }

  #work(name: string, through: { mongodbUrl?: string; redisUrl?: string }): WorkerProcess {
    const child = spawn(process.execPath, [path.join(ROOT, "workers", `${name}.ts`)], {
      env: {
        ...BASE_ENV,
        CONFIG_FILE_PATH: path.join(this.#folder, "config.yaml"),
        DATA_DIR: this.#folder,
        MASTER_KEY,
        SECRETS_KEY,
        MONGODB_URL: through.mongodbUrl ?? this.mongodbUrl,
        REDIS_URL: through.redisUrl ?? this.redisUrl,
        WEBHOOK_ALLOW_PRIVATE: "true",
        LOG_LEVEL: "info",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const worker = new WorkerProcess(child);
    this.#workers.push(worker);
    return worker;
  }

  deliveries(filter: object = {}): Promise<DeliveryDoc[]> {
    return this.store.collections.deliveries.find(filter).toArray();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    for (const receiver of this.receivers.values()) await receiver.close();
    for (const close of this.#closers.toReversed()) await close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

const PLANNER: EventPlanner = {
  serializeCharge: serializeSpendTracked,
  serializeBudget: serializeBudgetEvent,
  endpointsFor: (customerId) => [customerId.split("/")[0] ?? ""],
  gathers: () => false,
  keepDeliveriesMs: KEEP_MS,
};

function chargeOf(customerId: string, requestId: string): Charge {
  const usage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };
  return {
    requestId,
    customerId,
    occurredAt: new Date(),
    costNano: 1_112_000n,
    rates: null,
    model: "m",
    deploymentId: "d",
    upstreamModel: "u",
    usage: { ...usage, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    estimated: false,
    keyHash: "k",
  };
}
