import type { Collection } from "mongodb";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import { openForMs } from "./lanes/breaker.ts";
import type { BreakerStore } from "./lanes/lanes.ts";

/** Breakers on the endpoints' documents, so that all workers hold back together. */
export function createBreakerStore(
  endpoints: Collection<EndpointDoc>,
  { firstOpenMs, now }: { firstOpenMs: number; now: () => Date },
): BreakerStore {
  const inMs = (ms: number): Date => new Date(now().getTime() + ms);
  return {
    open: async ({ _id, breaker }, expected) => {
      const openUntil = inMs(openForMs(breaker.opens, firstOpenMs));
      await endpoints.updateOne(
        { _id, "breaker.openUntil": expected },
        { $set: { "breaker.openUntil": openUntil }, $inc: { "breaker.opens": 1 } },
      );
    },
    close: async (id, expected) => {
      await endpoints.updateOne(
        { _id: id, "breaker.openUntil": expected },
        { $set: { breaker: { openUntil: null, opens: 0, closedAt: now() } } },
      );
    },
    claimProbe: async ({ _id, breaker }, forMs) => {
      const until = inMs(forMs);
      const { modifiedCount } = await endpoints.updateOne(
        { _id, "breaker.openUntil": breaker.openUntil },
        { $set: { "breaker.openUntil": until } },
      );
      return modifiedCount === 1 ? until : null;
    },
    unclaimProbe: async (id, expected) => {
      await endpoints.updateOne(
        { _id: id, "breaker.openUntil": expected },
        { $set: { "breaker.openUntil": now() } },
      );
    },
  };
}
