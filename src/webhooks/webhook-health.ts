import type { Store } from "../store/connect.ts";
import { readInTime } from "../store/read-in-time.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import { endpointStats } from "./endpoint-stats.ts";
import { breakerState } from "./lanes/breaker.ts";
import { STRAIGHT_FAILURES } from "./review-endpoints.ts";

export interface WebhookHealth {
  /** Deliveries to endpoints that take some now. */
  readonly pending: number;
  /** How long the one that is due longest has waited. */
  readonly lag_seconds: number;
  /** Endpoints that take nothing at present though somebody expects it, and why. */
  readonly failing: readonly { readonly id: string; readonly url: string; readonly reason: string }[];
}

/** How deliveries fare, over all endpoints that are not deleted. Throws query_timeout. */
export async function webhookHealth(store: Store, now: Date): Promise<WebhookHealth> {
  const endpoints = await readInTime((limit) =>
    store.collections.endpoints.find({ deletedAt: null }, limit).sort({ _id: 1 }).toArray(),
  );
  const stats = await endpointStats(store, endpoints, now);
  const live = stats.filter((_, at) => endpoints[at]?.state === "enabled");
  return {
    pending: live.reduce((sum, { pending }) => sum + pending, 0),
    lag_seconds: live.reduce((most, { lagSeconds }) => Math.max(most, lagSeconds), 0),
    failing: endpoints.flatMap((endpoint) => {
      const reason = troubleOf(endpoint, now);
      return reason === null ? [] : [{ id: endpoint._id, url: endpoint.url, reason }];
    }),
  };
}

/** Why an endpoint is failing; null when it is not. */
function troubleOf(endpoint: EndpointDoc, now: Date): string | null {
  const { state, disabledReason, pausedUntil, breaker, health } = endpoint;
  if (state === "disabled") return disabledReason ?? "it is disabled";
  // What an operator has paused is as it should be.
  if (state === "paused") return null;
  if (pausedUntil !== null && pausedUntil > now) {
    return `it asked for a pause until ${pausedUntil.toISOString()}`;
  }
  const isHeldBack = breakerState(breaker, now) !== "closed";
  if (!isHeldBack && health.consecutiveFailures < STRAIGHT_FAILURES) return null;
  const failures =
    health.consecutiveFailures === 0 || health.failingSince === null
      ? "its deliveries fail"
      : `${health.consecutiveFailures} failed in a row since ${health.failingSince.toISOString()}`;
  return isHeldBack ? `${failures}; events wait and one is tried now and then` : failures;
}
