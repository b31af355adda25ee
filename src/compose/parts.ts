import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { Closer } from "../lib/closer.ts";
import { createIds, type NewId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import { newSigningSecret, openSecret, sealSecret } from "../lib/secrets.ts";
import { createDeliveryQueue, type DeliveryQueue } from "../queues/delivery-queue.ts";
import { connectRedis } from "../queues/redis.ts";
import type { Redis } from "ioredis";
import { connectStore, type Store } from "../store/connect.ts";
import type { EndpointDoc } from "../store/documents.ts";
import { type NewSecret, openStoredSecret } from "../webhooks/default-endpoint.ts";
import { createEndpointStore, type EndpointStore } from "../webhooks/endpoint-store.ts";
import { loadSecretsKey } from "../webhooks/secrets-key.ts";

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
  closer.add("store", () => store.close());
  return { config, log, newId: createIds(), closer, store, redisUrl: config.redisUrl };
}

export function openEndpoints({ config, store }: Parts): {
  endpoints: EndpointStore;
  openOf: (endpoint: EndpointDoc) => string;
} {
  const key = loadSecretsKey(config);
  const secrets: NewSecret = {
    generate: newSigningSecret,
    seal: (secret) => sealSecret(secret, key),
    open: (sealed) => openSecret(sealed, key),
  };
  return {
    endpoints: createEndpointStore(store, secrets),
    openOf: rememberLast((endpoint) => openStoredSecret(endpoint, secrets)),
  };
}

/** Opening a secret costs more than signing with it; the last one per endpoint is kept while it is sealed the same. */
function rememberLast(open: (endpoint: EndpointDoc) => string): (endpoint: EndpointDoc) => string {
  const opened = new Map<string, { sealed: string; secret: string }>();
  return (endpoint) => {
    const known = opened.get(endpoint._id);
    if (known?.sealed === endpoint.sealedSecret) return known.secret;
    const secret = open(endpoint);
    opened.set(endpoint._id, { sealed: endpoint.sealedSecret, secret });
    return secret;
  };
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
  parts.closer.add("redis", () => redis.quit());
  const queue = createDeliveryQueue(redis, parts.log);
  parts.closer.add("queue", () => queue.close());
  return { redis, queue };
}
