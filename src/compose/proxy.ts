import type { AppDeps } from "../app.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Log } from "../lib/log.ts";
import { untilDone } from "../lib/repeat.ts";
import { createReadinessCheck } from "../readiness.ts";
import { explainCharge } from "../spend/explain-charge.ts";
import type { Redis } from "ioredis";
import type { DeliveryQueue } from "../queues/delivery-queue.ts";
import { readyWithin } from "../queues/redis.ts";
import type { Ledger } from "../spend/ledger.ts";
import { createLedgerStore, type LedgerStore } from "../spend/ledger-store.ts";
import { createDailyStore } from "../spend/daily-store.ts";
import { prepareStore } from "../store/prepare-store.ts";
import { isStoreFull, isStoreUnavailable } from "../store/store-failure.ts";
import { refuseUrl } from "../webhooks/address-policy.ts";
import type { EndpointRouter } from "../webhooks/endpoint-router.ts";
import { VERSION } from "../version.ts";
import { createMissingPriceTeller } from "../webhooks/tell-missing-prices.ts";
import type { EndpointStore } from "../webhooks/endpoint-store.ts";
import { openAdmin } from "./admin.ts";
import { openGates } from "./gates.ts";
import { openCompletions } from "./completions.ts";
import { openDashboard, openLive } from "./dashboard.ts";
import { openEndpoints, openRouter } from "./endpoints.ts";
import { openKeyChecks } from "./key-checks.ts";
import { eventPlanner, openLedger } from "./ledger.ts";
import { type Limits, openLimits } from "./limits.ts";
import { openParts, openQueue, type Parts } from "./parts.ts";
import { openWebhooks } from "./webhooks.ts";

const READY_PING_MS = 1000;
const FIRST_REDIS_MS = 3000;

export interface Proxy {
  readonly app: AppDeps;
  /** Refuses readiness from now on; calls are served. */
  startLeaving(): void;
  /** Refuses readiness and calls from now on; those in flight go on. */
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
  const { redis, queue } = openQueue(parts, { failFast: true });
  const where = openEndpoints(parts);
  const { endpoints } = where;
  const router = openRouter(parts, endpoints);
  const isPrepared = prepareOnce(parts, { redis, endpoints, router, recall: () => ledger.recall() });
  const daily = createDailyStore(store);
  const live = openLive(parts, redis);
  const { ledgerStore, limits, ledger } = openSpending(parts, {
    redis,
    router,
    live,
    isPrepared,
    announce: queue.announce,
  });
  const stop = { isLeaving: false, isDraining: false };
  return {
    app: {
      log,
      newId,
      ...openKeyChecks(config),
      maxBodyBytes: config.maxBodyBytes,
      isDraining: () => stop.isDraining,
      isStoreUnavailable,
      isStoreFull,
      startedAt: new Date(),
      version: VERSION,
      ...openGates(parts, ledger),
      ...openCompletions(parts, { ledger, limits, daily }),
      ...openAdmin(parts, limits),
      ...openDashboard(parts, { limits, daily, live }),
      checkReadiness: createReadinessCheck({
        isPrepared,
        isDraining: () => stop.isLeaving,
        spool: () => ledger.spoolState,
        pingStore: () => store.ping(READY_PING_MS),
        pingQueue: () => redis.ping(),
      }),
      explainCharge: async (requestId) => {
        const row = await ledgerStore.findRow(requestId);
        return row && explainCharge(row);
      },
      ...openWebhooks(parts, {
        ...where,
        tell: (id) => limits.tell({ kind: "endpoint", id }),
        wake: (id) => {
          // The sweep wakes it a few seconds later.
          queue.wakeEndpoints([id]).catch(() => {});
        },
      }),
    },
    ...stopping(stop, live),
    close: () => closer.close(),
  };
}

function stopping(
  stop: { isLeaving: boolean; isDraining: boolean },
  live: ReturnType<typeof openLive>,
): Pick<Proxy, "startLeaving" | "startDraining"> {
  const startLeaving = (): void => {
    stop.isLeaving = true;
    live.end();
  };
  return {
    startLeaving,
    startDraining: () => {
      startLeaving();
      stop.isDraining = true;
    },
  };
}

/** The ledger and what it decides and tells: limits before a call, events after it. */
function openSpending(
  parts: Parts,
  wiring: {
    redis: Redis;
    router: EndpointRouter;
    live: ReturnType<typeof openLive>;
    isPrepared: () => boolean;
    announce: DeliveryQueue["announce"];
  },
): { ledgerStore: LedgerStore; limits: Limits; ledger: Ledger } {
  const { config, store, newId } = parts;
  const { redis, router, live, isPrepared, announce } = wiring;
  const ledgerStore = createLedgerStore(store, config.budgets, newId("shard"));
  const limits = openLimits(parts, {
    redis,
    isStoreUp: () => ledger.storeUp,
    changed: (change) => {
      if (change.kind !== "endpoint") live.changed(change);
      // What cannot be read now is read again in two seconds.
      else router.refresh().catch(() => {});
    },
  });
  const planner = eventPlanner(config, router);
  const tellMissingPrices = createMissingPriceTeller({ ...parts, planner, now: () => new Date(), announce });
  const ledger = openLedger(parts, {
    store: ledgerStore,
    planner,
    committed: (done) => {
      limits.admission.committed(done);
      live.spent(done.accounts.map(({ customerId, account }) => ({ customerId, ...account })));
      announce(done.deliveries);
      tellMissingPrices(done.charges.filter(({ rates }) => rates === null));
    },
    spooled: (charges) => limits.admission.spooled(charges),
    unspooled: (charges) => limits.admission.unspooled(charges),
    isPrepared,
  });
  return { ledgerStore, limits, ledger };
}

/**
 * Creates indexes and the default endpoint once the store answers; says whether that is done. Calls that would be
 * charged wait for it. A Redis that is only on its way is waited for, too: without its counters limits are those of
 * the store alone, or refuse.
 */
function prepareOnce(
  { config, store, closer, log }: Parts,
  {
    redis,
    endpoints,
    router,
    recall,
  }: { redis: Redis; endpoints: EndpointStore; router: EndpointRouter; recall: () => Promise<void> },
): () => boolean {
  let prepared = false;
  const prepare = async (): Promise<void> => {
    await prepareStore(store);
    if (config.webhookUrl !== null) {
      await endpoints.ensureDefault({ url: config.webhookUrl, secret: config.webhookSecret });
    }
    await router.refresh();
    await recall();
    await readyWithin(redis, FIRST_REDIS_MS);
    prepared = true;
  };
  closer.add("preparation", untilDone(prepare, log));
  return () => prepared;
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
