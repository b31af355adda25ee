import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";
import { errorFields, type Log } from "../lib/log.ts";

const CHANNEL = "spendhook:spend";

const nano = z.string().regex(/^\d+$/).transform(BigInt);
const message = z.object({
  from: z.string(),
  spends: z.array(z.tuple([z.string(), nano, nano])),
});

/** Where a charge has left its customer, as processes tell it each other. */
export interface SpendNews {
  readonly customerId: string;
  readonly spendNano: bigint;
  readonly sequence: bigint;
}

export interface SpendFeed {
  /** Tells the other processes that listen; lost while Redis is away. */
  publish(spends: readonly SpendNews[]): void;
  /** Begins to hear the others; does nothing the second time. */
  listen(): void;
  close(): void;
}

/** Redis pub/sub between the proxies. `redis` publishes; a connection of its own listens, once that is wanted. */
export function openSpendFeed(
  redis: Redis,
  heard: (spends: readonly SpendNews[]) => void,
  log: Log,
): SpendFeed {
  const from = randomUUID();
  let subscriber: Redis | null = null;

  const listen = (): void => {
    if (subscriber !== null) return;
    subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    // The publishing connection to the same server has said so already.
    subscriber.on("error", () => {});
    subscriber.on("message", (_channel: string, text: string) => {
      const parsed = message.safeParse(parseJson(text));
      if (!parsed.success) log.warn({}, "spend_feed.unknown_message");
      // Our own words were heard when they were said.
      else if (parsed.data.from !== from) {
        heard(
          parsed.data.spends.map(([customerId, spendNano, sequence]) => ({
            customerId,
            spendNano,
            sequence,
          })),
        );
      }
    });
    subscriber.subscribe(CHANNEL).catch((error: unknown) => {
      log.debug(errorFields(error), "spend_feed.not_subscribed");
    });
  };

  return {
    listen,
    publish: (spends) => {
      const rows = spends.map(({ customerId, spendNano, sequence }) => [
        customerId,
        String(spendNano),
        String(sequence),
      ]);
      redis.publish(CHANNEL, JSON.stringify({ from, spends: rows })).catch((error: unknown) => {
        log.debug(errorFields(error), "spend_feed.not_told");
      });
    },
    close: () => subscriber?.disconnect(),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not one of ours; the schema says so.
    return null;
  }
}
