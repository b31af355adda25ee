import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { Closer } from "../lib/closer.ts";
import { createIds, type NewId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import { createDeliveryQueue, type DeliveryQueue } from "../queues/delivery-queue.ts";
import { connectRedis } from "../queues/redis.ts";
import type { Redis } from "ioredis";
import { connectStore, type Store } from "../store/connect.ts";
import { keepConnecting } from "../store/keep-connecting.ts";

/** What every process needs; opened in order, closed in reverse. */
export interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly newId: NewId;
  readonly closer: Closer;
  readonly store: Store;
  readonly redisUrl: string;
}

export function openParts(config: Config, log: Log, appName: string): Parts {
  if (config.mongodbUrl === null || config.redisUrl === null) {
    throw new ConfigError("environment", [
      "MONGODB_URL and REDIS_URL are needed here; `npm start` starts embedded ones and sets both",
    ]);
  }
  const closer = new Closer(log);
  const store = connectStore({ url: config.mongodbUrl, appName });
  closer.add("store", keepConnecting(store, log));
  return { config, log, newId: createIds(), closer, store, redisUrl: config.redisUrl };
}

/**
 * The queue and its Redis connection. `failFast`: commands fail at once while Redis is away (the store
 * has it all); otherwise they wait for it (a worker has nothing else to do).
 */
export function openQueue(
  parts: Parts,
  options: { failFast: boolean },
): { redis: Redis; queue: DeliveryQueue } {
  const redis = connectRedis(parts.redisUrl, { ...options, log: parts.log });
  parts.closer.add("redis", () => (redis.status === "ready" ? redis.quit() : redis.disconnect()));
  const queue = createDeliveryQueue(redis, parts.log);
  parts.closer.add("queue", () => queue.close());
  return { redis, queue };
}
