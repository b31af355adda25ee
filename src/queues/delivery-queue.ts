import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";
import { DELIVERIES_QUEUE, type DeliveryJob, deliveryJobId, MAX_JOB_IDS, QUEUE_PREFIX } from "./jobs.ts";

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
    await queue.addBulk(toJobs(wakes));
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

/** Wake-ups that are due now share jobs; a delayed one has its own. */
function toJobs(wakes: readonly Wake[]): { name: string; data: DeliveryJob; opts: JobsOptions }[] {
  const toJob = (group: readonly Wake[]): { name: string; data: DeliveryJob; opts: JobsOptions }[] => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        name: "deliver",
        data: { v: 1, deliveryIds: group.map(({ id }) => id) },
        opts: {
          jobId: deliveryJobId(first.id, first.attempts, group.length),
          ...(first.delayMs !== undefined && { delay: first.delayMs }),
        },
      },
    ];
  };
  const dueNow = wakes.filter(({ delayMs }) => delayMs === undefined);
  const delayed = wakes.filter(({ delayMs }) => delayMs !== undefined);
  const groups: Wake[][] = delayed.map((wake) => [wake]);
  for (let from = 0; from < dueNow.length; from += MAX_JOB_IDS)
    groups.push(dueNow.slice(from, from + MAX_JOB_IDS));
  return groups.flatMap(toJob);
}
