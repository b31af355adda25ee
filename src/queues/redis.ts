import { Redis } from "ioredis";
import { errorFields, type Log } from "../lib/log.ts";

/** With the longest pause between two tries, a Redis that is there is found within five seconds. */
const CONNECT_TIMEOUT_MS = 3000;
const READY_TIMEOUT_MS = 3000;
/** A server that answers nothing for so long is as good as away: what waits for it fails, and is not piled up. */
const SILENCE_MS = 5000;
/** A worker's connection waits for jobs, in silence, but never for so long. */
const WORKER_SILENCE_MS = 15_000;
const LONGEST_RECONNECT_WAIT_MS = 2000;

/**
 * A Redis connection that reconnects for ever and reports its losses once each. `failFast`: commands
 * fail at once while Redis is away (producers, health); otherwise they wait for it (workers).
 */
export function connectRedis(url: string, options: { failFast: boolean; log: Log }): Redis {
  const redis = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: options.failFast ? 0 : null,
    enableOfflineQueue: !options.failFast,
    socketTimeout: options.failFast ? SILENCE_MS : WORKER_SILENCE_MS,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), LONGEST_RECONNECT_WAIT_MS),
  });
  let reported = false;
  redis.on("error", (error: unknown) => {
    if (!reported) options.log.warn(errorFields(error), "redis.unavailable");
    reported = true;
  });
  redis.on("ready", () => {
    if (reported) options.log.info({}, "redis.available");
    reported = false;
  });
  return endSilentConnects(redis);
}

/**
 * Ends connections that are made and then not answered, so that the next try may find the server that has come
 * meanwhile; also those of duplicates, with which feeds listen and workers wait.
 */
function endSilentConnects(redis: Redis): Redis {
  let timer: NodeJS.Timeout | undefined;
  redis.on("connect", () => {
    timer = setTimeout(() => {
      redis.stream.destroy(new Error(`Connected, but not answered within ${READY_TIMEOUT_MS} ms`));
    }, READY_TIMEOUT_MS);
  });
  for (const event of ["ready", "close", "end"]) redis.on(event, () => clearTimeout(timer));
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => endSilentConnects(duplicate(override));
  return redis;
}

/** Resolves when the connection is ready, or after `limitMs` without that: it goes on trying either way. */
export async function readyWithin(redis: Redis, limitMs: number): Promise<void> {
  if (redis.status === "ready") return;
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  redis.once("ready", resolve);
  await ready;
  clearTimeout(timer);
  redis.off("ready", resolve);
}
