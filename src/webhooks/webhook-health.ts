import type { Store } from "../store/connect.ts";
import { readInTime } from "../store/read-in-time.ts";
import { endpointStats } from "./endpoint-stats.ts";

export interface WebhookHealth {
  /** Deliveries to endpoints that take some now. */
  readonly pending: number;
  /** How long the one that is due longest has waited. */
  readonly lag_seconds: number;
  /** Endpoints that nothing is sent to at present though somebody expects it, and why. */
  readonly failing: readonly { readonly id: string; readonly url: string; readonly reason: string }[];
}

/** How deliveries fare, over all endpoints. Throws query_timeout. */
export async function webhookHealth(store: Store, now: Date): Promise<WebhookHealth> {
  const endpoints = await readInTime((limit) =>
    store.collections.endpoints.find({}, limit).sort({ _id: 1 }).toArray(),
  );
  const stats = await endpointStats(store, endpoints, now);
  const live = stats.filter((_, at) => endpoints[at]?.state === "enabled");
  return {
    pending: live.reduce((sum, { pending }) => sum + pending, 0),
    lag_seconds: live.reduce((most, { lagSeconds }) => Math.max(most, lagSeconds), 0),
    failing: endpoints.flatMap(({ _id: id, url, state, disabledReason, pausedUntil }) => {
      if (state === "disabled") return [{ id, url, reason: disabledReason ?? "it is disabled" }];
      // What an operator has paused is as it should be.
      if (state !== "enabled" || pausedUntil === null || pausedUntil <= now) return [];
      return [{ id, url, reason: `it asked for a pause until ${pausedUntil.toISOString()}` }];
    }),
  };
}
