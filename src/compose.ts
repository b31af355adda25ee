import path from "node:path";
import { createModelCatalog } from "./completions/model-catalog.ts";
import { completeChat } from "./completions/complete-chat.ts";
import { loadTokenizer } from "./completions/count-tokens.ts";
import { createMockUpstream, withMocks } from "./completions/mock-upstream.ts";
import { createUpstreamClient } from "./completions/upstream.ts";
import type { Config } from "./config/config.ts";
import { ConfigError } from "./config/config-error.ts";
import { customerJson } from "./customers/customer-json.ts";
import { createCustomerStore } from "./customers/customer-store.ts";
import { type AppDeps } from "./app.ts";
import { Closer } from "./lib/closer.ts";
import { createIds, type NewId } from "./lib/ids.ts";
import type { Log } from "./lib/log.ts";
import { hashApiKey, newSigningSecret, openSecret, sealSecret } from "./lib/secrets.ts";
import { createDeliveryQueue } from "./queues/delivery-queue.ts";
import { runDeliveryWorker } from "./queues/delivery-worker.ts";
import { connectRedis } from "./queues/redis.ts";
import { createReadinessCheck } from "./readiness.ts";
import type { Charge } from "./spend/charge.ts";
import { Ledger } from "./spend/ledger.ts";
import { createLedgerStore } from "./spend/ledger-store.ts";
import type { EventPlanner } from "./spend/plan-batch.ts";
import { createPriceBook } from "./spend/price-book.ts";
import { createSpool } from "./spend/spool.ts";
import { connectStore, type Store } from "./store/connect.ts";
import { ensureIndexes } from "./store/indexes.ts";
import type { EndpointDoc } from "./store/documents.ts";
import { USER_AGENT } from "./version.ts";
import { refuseUrl } from "./webhooks/address-policy.ts";
import { DeliveryAttempter } from "./webhooks/attempt-delivery.ts";
import { type NewSecret, openStoredSecret } from "./webhooks/default-endpoint.ts";
import { createDeliveryStore } from "./webhooks/delivery-store.ts";
import { createEndpointStore, DEFAULT_ENDPOINT_ID, type EndpointStore } from "./webhooks/endpoint-store.ts";
import { serializeSpendTracked } from "./webhooks/event-body.ts";
import { createPoster } from "./webhooks/post-event.ts";
import { loadSecretsKey } from "./webhooks/secrets-key.ts";
import { SWEEP_INTERVAL_MS, sweepDeliveries } from "./webhooks/sweep.ts";
import { repeat, untilDone } from "./lib/repeat.ts";

const READY_PING_MS = 1000;
const SPOOL_INTERVAL_MS = 1000;
const WORKER_DRAIN_MS = 20_000;

/** What every process needs; opened in order, closed in reverse. */
interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly newId: NewId;
  readonly closer: Closer;
  readonly store: Store;
  readonly redisUrl: string;
}

function openParts(config: Config, log: Log, appName: string): Parts {
  if (config.mongodbUrl === null || config.redisUrl === null) {
    throw new ConfigError("environment", [
      "MONGODB_URL and REDIS_URL are needed here; `npm start` starts embedded ones and sets both",
    ]);
  }
  const closer = new Closer(log);
  const store = connectStore({ url: config.mongodbUrl, appName });
  closer.add("store", () => store.close());
  return { config, log, newId: createIds(), closer, store, redisUrl: config.redisUrl };
}

function openEndpoints({ config, store }: Parts): {
  endpoints: EndpointStore;
  openOf: (endpoint: EndpointDoc) => string;
} {
  const key = loadSecretsKey(config);
  const secrets: NewSecret = {
    generate: newSigningSecret,
    seal: (secret) => sealSecret(secret, key),
    open: (sealed) => openSecret(sealed, key),
  };
  return {
    endpoints: createEndpointStore(store, secrets),
    openOf: rememberLast((endpoint) => openStoredSecret(endpoint, secrets)),
  };
}

/** Opening a secret costs more than signing with it; the last one per endpoint is kept while it is sealed the same. */
function rememberLast(open: (endpoint: EndpointDoc) => string): (endpoint: EndpointDoc) => string {
  const opened = new Map<string, { sealed: string; secret: string }>();
  return (endpoint) => {
    const known = opened.get(endpoint._id);
    if (known?.sealed === endpoint.sealedSecret) return known.secret;
    const secret = open(endpoint);
    opened.set(endpoint._id, { sealed: endpoint.sealedSecret, secret });
    return secret;
  };
}

/** What the ledger asks of webhooks: the event's text, and who wants it. */
function eventPlanner(config: Config): EventPlanner {
  const wanted = config.webhookAlerting && config.webhookUrl !== null ? [DEFAULT_ENDPOINT_ID] : [];
  return {
    endpointsFor: () => wanted,
    serialize: ({ id, charge, totals }) =>
      serializeSpendTracked({
        id,
        requestId: charge.requestId,
        customerId: charge.customerId,
        occurredAt: charge.occurredAt,
        costNano: charge.costNano,
        keyHash: charge.keyHash,
        model: charge.model,
        usage: charge.usage,
        estimated: charge.estimated,
        unpriced: charge.rates === null,
        ...totals,
      }),
  };
}

export interface Proxy {
  readonly app: AppDeps;
  /** Refuses readiness from now on; requests in flight go on. */
  startDraining(): void;
  /** After the last request: waits until all charges are durable, then closes every connection. */
  close(): Promise<void>;
}

/**
 * Wires the proxy. Returns at once: indexes, the default endpoint and the spool are seen to as soon as
 * the store answers, and the proxy is not ready before that.
 */
export function composeProxy(config: Config, log: Log): Proxy {
  const parts = openParts(config, log, "spendhook-proxy");
  const { closer, store, newId } = parts;
  refuseBadWebhookUrl(config);
  const redis = connectRedis(parts.redisUrl, { failFast: true, log });
  closer.add("redis", () => redis.quit());
  const queue = createDeliveryQueue(redis, log);
  closer.add("queue", () => queue.close());
  const { endpoints, openOf } = openEndpoints(parts);
  const isPrepared = prepareStore(parts, endpoints);
  const ledger = openLedger(parts, (ids) => queue.announce(ids), isPrepared);
  const customers = createCustomerStore(store);
  let draining = false;
  const isDraining = (): boolean => draining;
  return {
    app: {
      log,
      newId,
      masterKeyHash: hashApiKey(config.masterKey),
      maxBodyBytes: config.maxBodyBytes,
      isDraining,
      startedAt: new Date(),
      catalog: createModelCatalog(config.deployments, Math.random),
      completeChat: openCompletions(parts, ledger),
      showCustomer: async (id) => {
        const customer = await customers.find(id);
        return customer && customerJson(customer);
      },
      checkReadiness: createReadinessCheck({
        isPrepared,
        isDraining,
        pingStore: () => store.ping(READY_PING_MS),
        pingQueue: () => redis.ping(),
      }),
      listEndpoints: () => endpoints.list(),
      findEndpoint: (id) => endpoints.find(id),
      resumeEndpoint: (id) => endpoints.resume(id),
      openSecret: openOf,
    },
    startDraining: () => {
      draining = true;
    },
    close: () => closer.close(),
  };
}

/** Creates indexes and the default endpoint once the store answers; says whether that is done. */
function prepareStore({ config, store, closer, log }: Parts, endpoints: EndpointStore): () => boolean {
  let prepared = false;
  const prepare = async (): Promise<void> => {
    await ensureIndexes(store);
    if (config.webhookUrl !== null) {
      await endpoints.ensureDefault({ url: config.webhookUrl, secret: config.webhookSecret });
    }
    prepared = true;
  };
  closer.add("preparation", untilDone(prepare, log));
  return () => prepared;
}

/** The ledger with its spool, which is put into the store whenever that answers. */
function openLedger(
  { config, store, newId, closer, log }: Parts,
  announce: (deliveryIds: readonly string[]) => void,
  isPrepared: () => boolean,
): Ledger {
  const ledger = new Ledger({
    store: createLedgerStore(store),
    spool: createSpool(path.join(config.dataDir, "spool"), newId),
    planner: eventPlanner(config),
    announce,
    pingStore: () => store.ping(READY_PING_MS),
    log,
    now: () => new Date(),
  });
  closer.add("ledger", () => ledger.idle());
  const replay = async (): Promise<void> => {
    if (isPrepared()) await ledger.replaySpool();
  };
  closer.add("spool", repeat(SPOOL_INTERVAL_MS, replay));
  return ledger;
}

function openCompletions({ closer, newId }: Parts, ledger: Ledger): AppDeps["completeChat"] {
  const upstream = createUpstreamClient(USER_AGENT);
  closer.add("upstream", () => upstream.close());
  const now = (): Date => new Date();
  const deps = {
    callUpstream: withMocks(upstream.call, createMockUpstream({ loadTokenizer, newId, now })),
    ratesFor: createPriceBook(Date.now).ratesFor,
    commit: (charge: Charge) => ledger.commit(charge),
    loadTokenizer,
    now,
  };
  return (call, gone) => completeChat(deps, call, gone);
}

/** A URL that no attempt would be allowed to reach is said at start, not found out at 3 a.m. */
function refuseBadWebhookUrl(config: Config): void {
  if (config.webhookUrl === null) return;
  const reason = refuseUrl(config.webhookUrl, {
    allowPrivate: config.webhookAllowPrivate,
    allowCidrs: config.webhookAllowCidrs,
  });
  if (reason !== null) throw new ConfigError("environment", [`WEBHOOK_URL ${reason}`]);
}

/** A running worker process; `stop` drains it. */
export interface Worker {
  stop(): Promise<void>;
}

/** Delivers: takes delivery ids from the queue, signs, POSTs, records. */
export function composeWebhookWorker(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-webhooks");
  const { closer, store, newId } = parts;
  const redis = connectRedis(parts.redisUrl, { failFast: false, log });
  closer.add("redis", () => redis.quit());
  const queue = createDeliveryQueue(redis, log);
  closer.add("queue", () => queue.close());
  const poster = createPoster({
    allowPrivate: config.webhookAllowPrivate,
    allowCidrs: config.webhookAllowCidrs,
  });
  closer.add("receivers", () => poster.close());
  const { endpoints, openOf } = openEndpoints(parts);
  const attempter = new DeliveryAttempter({
    deliveries: createDeliveryStore(store, newId),
    endpoints,
    openSecret: openOf,
    post: poster.post,
    userAgent: USER_AGENT,
    log,
    now: () => new Date(),
    random: Math.random,
  });
  const worker = runDeliveryWorker({ connection: redis, queue, attempt: (id) => attempter.attempt(id), log });
  closer.add("worker", () => worker.drain(WORKER_DRAIN_MS));
  return { stop: () => closer.close() };
}

/** Heals: finds deliveries that the queue has lost and puts them back. */
export function composeMaintenance(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-maintenance");
  const { closer, store, newId } = parts;
  const redis = connectRedis(parts.redisUrl, { failFast: true, log });
  closer.add("redis", () => redis.quit());
  const queue = createDeliveryQueue(redis, log);
  closer.add("queue", () => queue.close());
  const deliveries = createDeliveryStore(store, newId);
  closer.add(
    "sweep",
    repeat(SWEEP_INTERVAL_MS, async () => {
      await sweepDeliveries({ deliveries, enqueue: (due) => queue.enqueue(due), log, now: () => new Date() });
    }),
  );
  return { stop: () => closer.close() };
}
