import type { Config } from "../config/config.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { repeat } from "../lib/repeat.ts";
import type { DeliveryQueue } from "../queues/delivery-queue.ts";
import { runDeliveryWorker } from "../queues/delivery-worker.ts";
import { BEAT_MS, createWorkerCount } from "../queues/worker-count.ts";
import { USER_AGENT } from "../version.ts";
import { DeliveryAttempter } from "../webhooks/attempt-delivery.ts";
import { createBreakerStore } from "../webhooks/breaker-store.ts";
import { createDeliveryStore, type DeliveryStore } from "../webhooks/delivery-store.ts";
import { disableEndpoint } from "../webhooks/disable-endpoint.ts";
import type { EndpointStore } from "../webhooks/endpoint-store.ts";
import { createHealthRecorder, HEALTH_FLUSH_MS } from "../webhooks/endpoint-health.ts";
import { rememberBriefly } from "../webhooks/lanes/endpoint-cache.ts";
import { type LaneDeps, Lanes } from "../webhooks/lanes/lanes.ts";
import { Slots } from "../webhooks/lanes/slots.ts";
import { createLookout, type Lookout } from "../webhooks/lookout.ts";
import { createPoster } from "../webhooks/post-event.ts";
import { sweepDeliveries } from "../webhooks/sweep.ts";
import { type Endpoints, openEndpoints, openRouter } from "./endpoints.ts";
import { eventPlanner } from "./ledger.ts";
import { openParts, openQueue, type Parts } from "./parts.ts";

/** Longer than any attempt: the longest time-out to headers, and the body. */
const WORKER_DRAIN_MS = 35_000;
/** Attempts in flight at once in one worker: to receivers that answer fast, and to those that do not. */
const ROOM = { fast: 192, slow: 64 } as const;

const LOOK_MS = 1000;

/** A running worker process; `stop` drains it. */
export interface Worker {
  stop(): Promise<void>;
}

/** Delivers: hears from the queue which endpoints have deliveries, signs, POSTs, records. */
export function composeWebhookWorker(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-webhooks");
  const { closer } = parts;
  const { redis, queue } = openQueue(parts, { failFast: false });
  const workers = createWorkerCount(redis, parts.newId("wrk"));
  closer.add("beat", repeat({ name: "beat", intervalMs: BEAT_MS, log }, workers.beat));
  const endpoints = openEndpoints(parts);
  const deliveries = createDeliveryStore(parts.store, parts.newId);
  const lanes = openLanes(parts, { queue, workers, endpoints, deliveries });
  const lookout = openLookout({ endpoints: endpoints.endpoints, deliveries, lanes, log });
  redis.once("ready", lookout.heard);
  const worker = runDeliveryWorker({
    connection: redis,
    offer: (endpointId, ids) => {
      lookout.heard();
      lanes.offer(endpointId, ids);
    },
    log,
  });
  closer.add("worker count", workers.leave);
  closer.add("attempts", () => lanes.stop(), { limitMs: WORKER_DRAIN_MS });
  closer.add("lookout", repeat({ name: "lookout", intervalMs: LOOK_MS, log }, lookout.lookIfSilent));
  // Closed first: a wake-up that is taken and not followed would be lost to the other workers.
  closer.add("wake-ups", () => worker.close());
  return { stop: () => closer.close() };
}

/**
 * Wake-ups for later and for others. None is waited for, as while Redis is away that would keep the place that
 * the attempt had; what is not enqueued the sweep finds when it is due.
 */
function wakeUps(queue: DeliveryQueue, log: Log): Pick<LaneDeps, "later" | "handOver"> {
  return {
    later: (wake) => {
      queue.wakeLater(wake).catch((error: unknown) => {
        log.warn({ deliveryId: wake.id, ...errorFields(error) }, "queue.enqueue_failed");
      });
    },
    handOver: (endpointIds) => {
      queue.wakeEndpoints(endpointIds).catch((error: unknown) => {
        log.warn({ endpoints: endpointIds.length, ...errorFields(error) }, "queue.enqueue_failed");
      });
    },
  };
}

function openLookout(of: {
  endpoints: EndpointStore;
  deliveries: DeliveryStore;
  lanes: Lanes;
  log: Log;
}): Lookout {
  const { endpoints, deliveries, lanes, log } = of;
  const wake = (ids: readonly string[]): Promise<void> => {
    for (const id of ids) lanes.offer(id, []);
    return Promise.resolve();
  };
  const now = (): Date => new Date();
  const sweep = { endpoints: endpoints.list, deliveries, wake, graceMs: 0, log, now };
  return createLookout({
    look: async () => (await sweepDeliveries(sweep)) !== null,
    nowMs: () => performance.now(),
  });
}

function openLanes(
  parts: Parts,
  wiring: {
    queue: DeliveryQueue;
    workers: { readonly count: number };
    endpoints: Endpoints;
    deliveries: DeliveryStore;
  },
): Lanes {
  const { config, closer, store, newId, log } = parts;
  const { queue, workers, deliveries } = wiring;
  const now = (): Date => new Date();
  const { endpoints, secrets, addresses } = wiring.endpoints;
  const router = openRouter(parts, endpoints);
  const poster = createPoster(addresses);
  closer.add("receivers", () => poster.close());
  const attempter = new DeliveryAttempter({
    deliveries,
    secrets,
    post: poster.post,
    schedule: config.webhooks.retryWaitsMs,
    log,
    now,
    userAgent: USER_AGENT,
    random: Math.random,
  });
  const health = createHealthRecorder(store, now);
  closer.add("last health", health.flush);
  closer.add("health", repeat({ name: "health", intervalMs: HEALTH_FLUSH_MS, log }, health.flush));
  const cached = rememberBriefly(endpoints.find, () => performance.now());
  const { announce } = queue;
  const breaking = { firstOpenMs: config.webhooks.breakerOpenMs, now };
  const disabling = { store, planner: eventPlanner(config, router), newId, now, announce, log };
  return new Lanes({
    endpoint: cached.get,
    forgetEndpoint: cached.forget,
    attempt: attempter.attempt.bind(attempter),
    findDue: deliveries.findDue,
    breaker: createBreakerStore(store.collections.endpoints, breaking),
    disable: async (id, reason) => {
      await router.refresh();
      await disableEndpoint(disabling, id, reason);
    },
    pauseUntil: endpoints.pauseUntil,
    observed: ({ _id }, { verdict, lagMs }) => {
      health.add(_id, { delivered: verdict.next === "delivered", lagMs });
    },
    ...wakeUps(queue, log),
    failed: (endpointId, error) => log.warn({ endpointId, ...errorFields(error) }, "delivery.failed"),
    slots: new Slots(ROOM),
    workers: () => workers.count,
    now,
    nowMs: () => performance.now(),
  });
}
