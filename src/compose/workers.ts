import type { Config } from "../config/config.ts";
import type { Log } from "../lib/log.ts";
import { repeat } from "../lib/repeat.ts";
import { runDeliveryWorker } from "../queues/delivery-worker.ts";
import { createLedgerStore } from "../spend/ledger-store.ts";
import { REVIEW_INTERVAL_MS, reviewAccounts } from "../spend/review-accounts.ts";
import { USER_AGENT } from "../version.ts";
import { DeliveryAttempter } from "../webhooks/attempt-delivery.ts";
import { createDeliveryStore } from "../webhooks/delivery-store.ts";
import { createPoster } from "../webhooks/post-event.ts";
import { SWEEP_INTERVAL_MS, sweepDeliveries } from "../webhooks/sweep.ts";
import { eventPlanner } from "./ledger.ts";
import { openEndpoints, openParts, openQueue } from "./parts.ts";

const WORKER_DRAIN_MS = 20_000;

/** A running worker process; `stop` drains it. */
export interface Worker {
  stop(): Promise<void>;
}

/** Delivers: takes delivery ids from the queue, signs, POSTs, records. */
export function composeWebhookWorker(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-webhooks");
  const { closer, store, newId } = parts;
  const { redis, queue } = openQueue(parts, { failFast: false });
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

/** Heals: puts deliveries back that the queue has lost, and tells what no call has told. */
export function composeMaintenance(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-maintenance");
  const { closer, store, newId } = parts;
  const { queue } = openQueue(parts, { failFast: true });
  const deliveries = createDeliveryStore(store, newId);
  const now = (): Date => new Date();
  const sweep = { deliveries, enqueue: queue.enqueue.bind(queue), log, now };
  closer.add(
    "sweep",
    repeat(SWEEP_INTERVAL_MS, async () => {
      await sweepDeliveries(sweep);
    }),
  );
  const review = {
    store: createLedgerStore(store, config.budgets),
    planner: eventPlanner(config),
    newId,
    now,
    announce: queue.announce.bind(queue),
    log,
  };
  closer.add(
    "review",
    repeat(REVIEW_INTERVAL_MS, async () => {
      await reviewAccounts(review);
    }),
  );
  return { stop: () => closer.close() };
}
