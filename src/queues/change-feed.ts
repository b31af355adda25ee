import type { Redis } from "ioredis";
import { z } from "zod";
import { errorFields, type Log } from "../lib/log.ts";

const CHANNEL = "spendhook:changes";

/** What one process tells the others. */
const change = z.discriminatedUnion("kind", [
  /** These customers' own settings have changed. */
  z.object({ kind: z.literal("customers"), ids: z.array(z.string()) }),
  /** A budget has changed, and with it what applies to all of its customers. */
  z.object({ kind: z.literal("budget"), id: z.string() }),
  /** A webhook endpoint has been added, changed or taken away. */
  z.object({ kind: z.literal("endpoint"), id: z.string() }),
  /** Redis has lost the holds of this customer: who has some says so again. */
  z.object({ kind: z.literal("holds"), customerId: z.string() }),
]);

export type Change = z.infer<typeof change>;

export interface ChangeFeed {
  /** Tells all processes, this one among them. A word that gets lost is made up for by the short life of caches. */
  tell(change: Change): void;
  close(): Promise<void>;
}

export interface ChangeListener {
  readonly onChange: (change: Change) => void;
  /** Words may have been missed: nothing that is kept can be trusted. */
  readonly onGap: () => void;
}

/** Redis pub/sub between the proxies. `redis` publishes; a connection of its own listens. */
export function openChangeFeed(redis: Redis, listener: ChangeListener, log: Log): ChangeFeed {
  const subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
  // The publishing connection to the same server has said so already.
  subscriber.on("error", () => {});
  subscriber.on("ready", () => listener.onGap());
  subscriber.on("message", (_channel: string, text: string) => {
    const parsed = change.safeParse(parseJson(text));
    if (parsed.success) listener.onChange(parsed.data);
    else log.warn({}, "change_feed.unknown_message");
  });
  subscriber.subscribe(CHANNEL).catch((error: unknown) => {
    log.debug(errorFields(error), "change_feed.not_subscribed");
  });
  return {
    tell: (told) => {
      listener.onChange(told);
      publishChange(redis, told).catch((error: unknown) => {
        log.debug(errorFields(error), "change_feed.not_told");
      });
    },
    // oxlint-disable-next-line typescript/require-await -- closing is waited for elsewhere
    close: async () => subscriber.disconnect(),
  };
}

/** Tells the proxies from outside of them. */
export async function publishChange(redis: Redis, told: Change): Promise<void> {
  await redis.publish(CHANNEL, JSON.stringify(told));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not one of ours; the schema says so.
    return null;
  }
}
