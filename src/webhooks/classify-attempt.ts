import { nextWaitMs } from "./retry-schedule.ts";

/** How one HTTP try ended: a status line came, or it failed before that with a named code. */
export type AttemptResult =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfterMs: number | null;
      readonly body: string;
    }
  | { readonly kind: "failure"; readonly code: FailureCode };

export type FailureCode =
  | "address_refused"
  | "invalid_url"
  | "dns_error"
  | "connect_timeout"
  | "connection_refused"
  | "connection_reset"
  | "tls_error"
  | "header_timeout"
  | "protocol_error"
  | "network_error";

/** What becomes of the delivery. */
export type Verdict =
  | { readonly next: "delivered"; readonly code: "delivered" }
  | {
      readonly next: "retry";
      readonly code: string;
      readonly waitMs: number;
      readonly pauseEndpointMs: number | null;
    }
  | { readonly next: "exhausted"; readonly code: string }
  | { readonly next: "disable_endpoint"; readonly code: "http_410" };

/**
 * Decides what follows attempt `number` (1-indexed): only 2xx delivers; 410 says the endpoint is gone;
 * everything else is tried again until the schedule ends. A Retry-After of an overloaded receiver pauses
 * its whole endpoint.
 */
export function classifyAttempt(result: AttemptResult, number: number, random: number): Verdict {
  if (result.kind === "response") {
    if (result.status >= 200 && result.status < 300) return { next: "delivered", code: "delivered" };
    if (result.status === 410) return { next: "disable_endpoint", code: "http_410" };
  }
  const code = result.kind === "response" ? `http_${result.status}` : result.code;
  const retryAfterMs = result.kind === "response" ? result.retryAfterMs : null;
  const waitMs = nextWaitMs(number, random, retryAfterMs);
  if (waitMs === null) return { next: "exhausted", code };
  return { next: "retry", code, waitMs, pauseEndpointMs: retryAfterMs };
}
