import { type Job, UnrecoverableError, Worker } from "bullmq";
import type { Redis } from "ioredis";
import pLimit from "p-limit";
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

const MAX_IN_FLIGHT = 64;
/** Jobs in hand: enough that some deliveries are always waiting for a free place. */
const MAX_JOBS = 16;
/** Longer than an attempt; the lease in the store decides who may send, this only who is woken. */
const LOCK_MS = 30_000;
const STALLED_INTERVAL_MS = 5000;
const MAX_STALLED = 20;
/** Later attempts are left to the sweep: a job that sleeps for hours only takes memory. */
const LONGEST_DELAYED_JOB_MS = 60_000;

/** Runs delivery jobs. What becomes of a delivery is in the store, so a lost job loses nothing. */
export function runDeliveryWorker(deps: DeliveryWorkerDeps): RunningWorker {
  const { log } = deps;
  // Attempts are what is limited, not jobs: a slow receiver holds its own attempts, not its job's others.
  const limit = pLimit(MAX_IN_FLIGHT);
  const attemptOne = async (deliveryId: string): Promise<void> => {
    const outcome = await deps.attempt(deliveryId);
    if (outcome.next === "none" || outcome.waitMs > LONGEST_DELAYED_JOB_MS) return;
    const wake = { id: deliveryId, attempts: outcome.attempts, delayMs: outcome.waitMs };
    await deps.queue.enqueue([wake]).catch((error: unknown) => {
      log.warn({ deliveryId, ...errorFields(error) }, "queue.enqueue_failed");
    });
  };
  const run = async (job: Job<DeliveryJob>): Promise<void> => {
    const parsed = deliveryJob.safeParse(job.data);
    if (!parsed.success) throw new UnrecoverableError("The job's data is not a delivery job");
    const ends = await Promise.allSettled(parsed.data.deliveryIds.map((id) => limit(() => attemptOne(id))));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw asError(failed.reason);
  };
  const worker = new Worker<DeliveryJob>(DELIVERIES_QUEUE, run, {
    connection: deps.connection,
    prefix: QUEUE_PREFIX,
    concurrency: MAX_JOBS,
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

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("An attempt failed with a value that is not an error");
}
