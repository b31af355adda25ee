import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";
import { DELIVERIES_QUEUE, type DeliveryJob, deliveryJob, QUEUE_PREFIX } from "./jobs.ts";

export interface DeliveryWorkerDeps {
  readonly connection: Redis;
  /** Hears of an endpoint's deliveries that are due; must not throw. */
  readonly offer: (endpointId: string, deliveryIds: readonly string[]) => void;
  readonly log: Log;
}

export interface RunningWorker {
  /** Takes no new jobs and resolves when those in hand are done; never, while Redis hangs. */
  close(): Promise<void>;
}

/** A job only hands ids over, so a few at once are plenty. */
const MAX_JOBS = 16;
/** Handing over takes no time: who holds a job for longer is gone, and the next wake-up waits for it. */
const LOCK_MS = 10_000;
const STALLED_INTERVAL_MS = 5000;
const MAX_STALLED = 20;

/**
 * Takes wake-ups from the queue. What becomes of a delivery is in the store, so a lost job loses nothing, and
 * a job is done when its ids have been heard of.
 */
export function runDeliveryWorker(deps: DeliveryWorkerDeps): RunningWorker {
  const { log } = deps;
  const run = (job: Job<DeliveryJob>): Promise<void> => {
    const parsed = deliveryJob.safeParse(job.data);
    if (!parsed.success) {
      return Promise.reject(new UnrecoverableError("The job's data is not a delivery job"));
    }
    deps.offer(parsed.data.endpointId, parsed.data.deliveryIds);
    return Promise.resolve();
  };
  const worker = new Worker<DeliveryJob>(DELIVERIES_QUEUE, run, {
    connection: deps.connection,
    prefix: QUEUE_PREFIX,
    concurrency: MAX_JOBS,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", (error) => log.warn(errorFields(error), "worker.error"));
  worker.on("failed", (job, error) => {
    log.warn({ jobId: job?.id, ...errorFields(error) }, "delivery.job_failed");
  });
  return {
    // While Redis is away nothing can be said to it, and nothing that is in hand needs to be.
    close: () => worker.close(deps.connection.status !== "ready"),
  };
}
