import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";
import { DELIVERIES_QUEUE, type DeliveryJob, deliveryJob, QUEUE_PREFIX } from "./jobs.ts";

export interface DeliveryWorkerDeps {
  readonly connection: Redis;
  readonly queue: Pick<DeliveryQueue, "enqueue">;
  /** One attempt; says when the next is due. */
  readonly attempt: (
    deliveryId: string,
  ) => Promise<{ next: "none" } | { next: "retry"; waitMs: number; attempts: number }>;
  readonly log: Log;
}

export interface RunningWorker {
  /** Takes no new jobs and resolves when those in hand are done, or at the deadline. */
  drain(timeoutMs: number): Promise<void>;
}

const CONCURRENCY = 64;
/** Longer than an attempt; the lease in the store decides who may send, this only who is woken. */
const LOCK_MS = 30_000;
const STALLED_INTERVAL_MS = 5000;
const MAX_STALLED = 20;
/** Later attempts are left to the sweep: a job that sleeps for hours only takes memory. */
const LONGEST_DELAYED_JOB_MS = 60_000;

/** Runs delivery jobs. What becomes of a delivery is in the store, so a lost job loses nothing. */
export function runDeliveryWorker(deps: DeliveryWorkerDeps): RunningWorker {
  const { log } = deps;
  const run = async (job: Job<DeliveryJob>): Promise<void> => {
    const parsed = deliveryJob.safeParse(job.data);
    if (!parsed.success) throw new UnrecoverableError("The job's data is not a delivery job");
    const outcome = await deps.attempt(parsed.data.deliveryId);
    if (outcome.next === "none" || outcome.waitMs > LONGEST_DELAYED_JOB_MS) return;
    const wake = { id: parsed.data.deliveryId, attempts: outcome.attempts, delayMs: outcome.waitMs };
    await deps.queue.enqueue([wake]).catch((error: unknown) => {
      log.warn({ deliveryId: wake.id, ...errorFields(error) }, "queue.enqueue_failed");
    });
  };
  const worker = new Worker<DeliveryJob>(DELIVERIES_QUEUE, run, {
    connection: deps.connection,
    prefix: QUEUE_PREFIX,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 1000 },
  });
  worker.on("error", (error) => log.warn(errorFields(error), "worker.error"));
  worker.on("failed", (job, error) => {
    // The store or the queue failed, not the receiver; the claim lapses and the sweep finds the delivery.
    log.warn({ jobId: job?.id, ...errorFields(error) }, "delivery.job_failed");
  });
  return {
    drain: async (timeoutMs) => {
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([worker.close(), deadline]);
      clearTimeout(timer);
    },
  };
}
