import type { AppDeps } from "../app.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Log } from "../lib/log.ts";
import { untilDone } from "../lib/repeat.ts";
import { hashApiKey } from "../lib/secrets.ts";
import { createReadinessCheck } from "../readiness.ts";
import { explainCharge } from "../spend/explain-charge.ts";
import { createLedgerStore } from "../spend/ledger-store.ts";
import { ensureIndexes } from "../store/indexes.ts";
import { isStoreAway } from "../store/store-failure.ts";
import { refuseUrl } from "../webhooks/address-policy.ts";
import type { EndpointStore } from "../webhooks/endpoint-store.ts";
import { openAdmin } from "./admin.ts";
import { openCompletions } from "./completions.ts";
import { openLedger } from "./ledger.ts";
import { openLimits } from "./limits.ts";
import { openEndpoints, openParts, openQueue, type Parts } from "./parts.ts";

const READY_PING_MS = 1000;

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
  const { redis, queue } = openQueue(parts, { failFast: true });
  const { endpoints, openOf } = openEndpoints(parts);
  const isPrepared = prepareStore(parts, endpoints);
  const ledgerStore = createLedgerStore(store, config.budgets);
  const limits = openLimits(parts, redis);
  const ledger = openLedger(parts, {
    store: ledgerStore,
    committed: (done) => {
      limits.admission.committed(done);
      queue.announce(done.deliveryIds);
    },
    spooled: (charges) => limits.admission.spooled(charges),
    isPrepared,
  });
  let draining = false;
  const isDraining = (): boolean => draining;
  return {
    app: {
      log,
      newId,
      masterKeyHash: hashApiKey(config.masterKey),
      maxBodyBytes: config.maxBodyBytes,
      isDraining,
      isStoreAway,
      startedAt: new Date(),
      ...openCompletions(parts, { ledger, limits }),
      ...openAdmin(parts, limits),
      checkReadiness: createReadinessCheck({
        isPrepared,
        isDraining,
        pingStore: () => store.ping(READY_PING_MS),
        pingQueue: () => redis.ping(),
      }),
      explainCharge: async (requestId) => {
        const row = await ledgerStore.findRow(requestId);
        return row && explainCharge(row);
      },
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

/** A URL that no attempt would be allowed to reach is said at start, not found out at 3 a.m. */
function refuseBadWebhookUrl(config: Config): void {
  if (config.webhookUrl === null) return;
  const reason = refuseUrl(config.webhookUrl, {
    allowPrivate: config.webhookAllowPrivate,
    allowCidrs: config.webhookAllowCidrs,
  });
  if (reason !== null) throw new ConfigError("environment", [`WEBHOOK_URL ${reason}`]);
}
