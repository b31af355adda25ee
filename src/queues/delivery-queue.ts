import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";
import { DELIVERIES_QUEUE, type DeliveryJob, identityOf, MAX_JOB_IDS, QUEUE_PREFIX } from "./jobs.ts";

/** A delivery, and where it goes. */
export interface NewDelivery {
  readonly _id: string;
  readonly endpointId: string;
}

export interface DeliveryQueue {
  /** Wakes a worker for one delivery after a while. Rejects while Redis is away or hangs: the sweep finds it. */
  readonly wakeLater: (wake: {
    id: string;
    endpointId: string;
    attempts: number;
    delayMs: number;
  }) => Promise<void>;
  /** Wakes workers for endpoints whose deliveries are due. Rejects while Redis is away. */
  readonly wakeEndpoints: (endpointIds: readonly string[]) => Promise<void>;
  /**
   * Wakes workers for new deliveries without making anyone wait; batches of many callers share a round
   * trip. A failure costs nothing but the sweep's few seconds.
   */
  readonly announce: (deliveries: readonly NewDelivery[]) => void;
  readonly close: () => Promise<void>;
}

// A job that is kept, also one that failed, would keep the next of its name out of the queue.
const JOB_OPTIONS: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 };
const MAX_BULK = 1000;
/** What waits for Redis beyond this is left to the sweep, which reads it from the store. */
const MAX_WAITING = 10_000;
/** Wake-ups for later that Redis has not taken yet; beyond that it hangs. */
const MAX_LATER = 1000;

interface NamedJob {
  readonly name: string;
  readonly data: DeliveryJob;
  readonly opts: JobsOptions;
}

export function createDeliveryQueue(connection: Redis, log: Log): DeliveryQueue {
  const queue = new Queue<DeliveryJob>(DELIVERIES_QUEUE, {
    connection,
    prefix: QUEUE_PREFIX,
    defaultJobOptions: JOB_OPTIONS,
    // A question that is lost with the connection would leave the queue without one for good.
    skipVersionCheck: true,
  });
  queue.on("error", () => {
    // The connection reports its own state; a failed command rejects where it was called.
  });
  let waiting: NewDelivery[] = [];
  let away = false;
  let later = 0;
  let flushing: Promise<void> = Promise.resolve();

  const add = async (jobs: readonly NamedJob[]): Promise<void> => {
    await queue.addBulk([...jobs]);
  };

  const flush = async (): Promise<void> => {
    away = true;
    try {
      while (waiting.length > 0) {
        const some = waiting.slice(0, MAX_BULK);
        waiting = waiting.slice(MAX_BULK);
        await add(newJobs(some));
      }
    } catch (error) {
      log.warn({ deliveries: waiting.length, ...errorFields(error) }, "queue.enqueue_failed");
      waiting = [];
    } finally {
      away = false;
    }
  };

  return {
    wakeLater: async ({ id, endpointId, attempts, delayMs }) => {
      // A worker's connection would keep each until Redis is back, for hours.
      if (connection.status !== "ready" || later >= MAX_LATER) throw new Error("Redis is away");
      later++;
      try {
        await add([jobOf(endpointId, [id], { attempts, delayMs })]);
      } finally {
        later--;
      }
    },
    wakeEndpoints: (endpointIds) => add(endpointIds.map((id) => jobOf(id, [], { attempts: 0 }))),
    announce: (deliveries) => {
      const room = Math.max(0, MAX_WAITING - waiting.length);
      waiting.push(...deliveries.slice(0, room).map(({ _id, endpointId }) => ({ _id, endpointId })));
      if (!away && waiting.length > 0) flushing = flush();
    },
    close: async () => {
      // What was announced last would be found only when its claim has lapsed.
      if (connection.status === "ready") await flushing;
      await queue.close();
    },
  };
}

/** New deliveries of one endpoint share jobs. */
function newJobs(deliveries: readonly NewDelivery[]): NamedJob[] {
  return [...Map.groupBy(deliveries, ({ endpointId }) => endpointId)].flatMap(([endpointId, own]) => {
    const ids = own.map(({ _id }) => _id);
    const jobs: NamedJob[] = [];
    for (let from = 0; from < ids.length; from += MAX_JOB_IDS) {
      jobs.push(jobOf(endpointId, ids.slice(from, from + MAX_JOB_IDS), { attempts: 0 }));
    }
    return jobs;
  });
}

function jobOf(
  endpointId: string,
  ids: readonly string[],
  { attempts, delayMs }: { attempts: number; delayMs?: number },
): NamedJob {
  return {
    name: "deliver",
    data: { v: 2, endpointId, deliveryIds: [...ids] },
    opts: { ...identityOf({ endpointId, ids, attempts }), ...(delayMs !== undefined && { delay: delayMs }) },
  };
}
