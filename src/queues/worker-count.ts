import type { Redis } from "ioredis";
import { QUEUE_PREFIX } from "./jobs.ts";

const KEY = `${QUEUE_PREFIX}:workers`;
export const BEAT_MS = 2000;
/** Who has not been heard of for so long is gone. */
const GONE_MS = 10_000;

/** How many webhook workers run, this one among them, as each tells Redis now and then. */
export interface WorkerCount {
  readonly count: number;
  /** Says that this worker runs, and looks who else does; call it every BEAT_MS. */
  readonly beat: () => Promise<void>;
  readonly leave: () => Promise<void>;
}

/** While Redis is away the last count stands. */
export function createWorkerCount(redis: Redis, workerId: string): WorkerCount {
  let count = 1;
  return {
    get count() {
      return count;
    },
    beat: async () => {
      const now = Date.now();
      await redis.zremrangebyscore(KEY, "-inf", now - GONE_MS);
      await redis.zadd(KEY, now, workerId);
      count = Math.max(1, await redis.zcard(KEY));
    },
    leave: async () => {
      await redis.zrem(KEY, workerId);
    },
  };
}
