import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";
import { DELIVERIES_QUEUE, type DeliveryJob, deliveryJobId, QUEUE_PREFIX } from "./jobs.ts";

/** A wake-up for one delivery. */
export interface Wake {
  readonly id: string;
  /** Attempts made so far. */
  readonly attempts: number;
  readonly delayMs?: number;
}

export interface DeliveryQueue {
  /** Rejects while Redis is away: the deliveries are in the store, and the sweep finds them. */
  enqueue(wakes: readonly Wake[]): Promise<void>;
  /**
   * Wakes workers for new deliveries without making anyone wait; batches of many callers share a round
   * trip. A failure costs nothing but the sweep's few seconds.
   */
  announce(deliveryIds: readonly string[]): void;
  close(): Promise<void>;
}

const JOB_OPTIONS: JobsOptions = { removeOnComplete: true, removeOnFail: 1000, attempts: 1 };
const MAX_BULK = 1000;

export function createDeliveryQueue(connection: Redis, log: Log): DeliveryQueue {
  const queue = new Queue<DeliveryJob>(DELIVERIES_QUEUE, {
    connection,
    prefix: QUEUE_PREFIX,
    defaultJobOptions: JOB_OPTIONS,
  });
  queue.on("error", () => {
    // The connection reports its own state; a failed command rejects where it was called.
  });
  let waiting: string[] = [];
  let away = false;

  const enqueue = async (wakes: readonly Wake[]): Promise<void> => {
    await queue.addBulk(
      wakes.map(({ id, attempts, delayMs }) => ({
        name: "deliver",
        data: { v: 1 as const, deliveryId: id },
        opts: { jobId: deliveryJobId(id, attempts), ...(delayMs !== undefined && { delay: delayMs }) },
      })),
    );
  };

  const flush = async (): Promise<void> => {
    away = true;
    try {
      while (waiting.length > 0) {
        const ids = waiting.slice(0, MAX_BULK);
        waiting = waiting.slice(MAX_BULK);
        await enqueue(ids.map((id) => ({ id, attempts: 0 })));
      }
    } catch (error) {
      log.warn({ deliveries: waiting.length, ...errorFields(error) }, "queue.enqueue_failed");
      waiting = [];
    } finally {
      away = false;
    }
  };

  return {
    enqueue,
    announce: (deliveryIds) => {
      waiting.push(...deliveryIds);
      if (!away && waiting.length > 0) void flush();
    },
    close: () => queue.close(),
  };
}
