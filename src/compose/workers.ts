import type { Config } from "../config/config.ts";
import type { Log } from "../lib/log.ts";
import { repeat } from "../lib/repeat.ts";
import { runDeliveryWorker } from "../queues/delivery-worker.ts";
import { USER_AGENT } from "../version.ts";
import { DeliveryAttempter } from "../webhooks/attempt-delivery.ts";
import { createDeliveryStore } from "../webhooks/delivery-store.ts";
import { createPoster } from "../webhooks/post-event.ts";
import { SWEEP_INTERVAL_MS, sweepDeliveries } from "../webhooks/sweep.ts";
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

/** Heals: finds deliveries that the queue has lost and puts them back. */
export function composeMaintenance(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-maintenance");
  const { closer, store, newId } = parts;
  const { queue } = openQueue(parts, { failFast: true });
  const deliveries = createDeliveryStore(store, newId);
  closer.add(
    "sweep",
    repeat(SWEEP_INTERVAL_MS, async () => {
      await sweepDeliveries({ deliveries, enqueue: (due) => queue.enqueue(due), log, now: () => new Date() });
    }),
  );
  return { stop: () => closer.close() };
}
