import type { EndpointDoc } from "../store/webhook-documents.ts";
import { type BreakerState, breakerState } from "./lanes/breaker.ts";

/** How an endpoint has been doing. */
export interface EndpointStats {
  /** Deliveries that are due or will be; of an endpoint that is not enabled they are `parked`. */
  readonly pending: number;
  readonly parked: number;
  /** Attempts of the last 24 hours. */
  readonly delivered: number;
  readonly failed: number;
  /** How long the oldest delivery that is due has waited. */
  readonly lagSeconds: number;
}

/** An endpoint as the API shows it: never a secret, never a header's value. */
export function endpointJson(endpoint: EndpointDoc, stats: EndpointStats, now: Date): object {
  const { health } = endpoint;
  const attempts = stats.delivered + stats.failed;
  const breaker: BreakerState = breakerState(endpoint.breaker, now);
  return {
    ...settings(endpoint),
    disabled_reason: endpoint.disabledReason,
    paused_until: isoOrNull(endpoint.pausedUntil),
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
    stats: {
      pending: stats.pending,
      parked: stats.parked,
      delivered: stats.delivered,
      failed: stats.failed,
      success_rate: attempts === 0 ? null : Math.round((stats.delivered / attempts) * 1e4) / 1e4,
      lag_seconds: stats.lagSeconds,
      breaker,
      last_success_at: isoOrNull(health.lastSuccessAt),
      last_failure_at: isoOrNull(health.lastFailureAt),
      failing_since: isoOrNull(health.failingSince),
      consecutive_failures: health.consecutiveFailures,
    },
  };
}

function settings(endpoint: EndpointDoc): object {
  const { coalesce } = endpoint;
  return {
    id: endpoint._id,
    url: endpoint.url,
    description: endpoint.description,
    state: endpoint.state,
    event_types: endpoint.eventTypes,
    customers: endpoint.customers,
    header_names: endpoint.headerNames,
    timeout_ms: endpoint.timeoutMs,
    max_in_flight: endpoint.maxInFlight,
    rate_per_second: endpoint.ratePerSecond,
    signature: endpoint.signature,
    public_key: endpoint.signature === "v1+v1a" ? endpoint.publicKey : null,
    secrets: endpoint.secrets.map(({ id, createdAt, expiresAt }) => ({
      id,
      created_at: createdAt.toISOString(),
      expires_at: isoOrNull(expiresAt),
    })),
    coalesce: coalesce && { max_events: coalesce.maxEvents, max_seconds: coalesce.maxSeconds },
  };
}

/** What the audit log keeps of an endpoint: its settings, and only the origin of its URL, whose path may be a token. */
export function endpointAudit(endpoint: EndpointDoc): object {
  return {
    ...settings(endpoint),
    url: URL.canParse(endpoint.url) ? new URL(endpoint.url).origin : "",
    deleted: endpoint.deletedAt !== null,
  };
}

function isoOrNull(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
