import { nextWaitMs } from "./retry-schedule.ts";

/** How one HTTP try ended: a status line came, or it failed before that with a named code. */
export type AttemptResult =
  | {
      readonly kind: "response";
      readonly status: number;
      readonly retryAfterMs: number | null;
      /** What the receiver asks for in `webhook-delivery`; null = nothing. */
      readonly control: string | null;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly kind: "failure"; readonly code: FailureCode };

export type FailureCode =
  /** The key that they were sealed with is not ours any more: nothing was sent. */
  | "secrets_unreadable"
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

/** What becomes of the delivery, and of its endpoint. */
export type Verdict = Decision & {
  /** The receiver wants no more: why its endpoint is disabled; null = it stays as it is. */
  readonly disableReason: string | null;
};

type Decision =
  | { readonly next: "delivered"; readonly code: "delivered" }
  | {
      readonly next: "retry";
      readonly code: string;
      readonly waitMs: number;
      readonly pauseEndpointMs: number | null;
    }
  | { readonly next: "exhausted"; readonly code: string }
  /** Neither delivered nor tried again before its endpoint is enabled. */
  | { readonly next: "kept"; readonly code: string };

/** Waits before attempt 1, 2, 3 … in milliseconds. */
export type RetrySchedule = readonly number[];

/**
 * Decides what follows attempt `number` (1-indexed): only 2xx delivers; 410, or the receiver's own word in
 * `webhook-delivery`, ends the endpoint or this delivery; everything else is tried again until the schedule
 * ends. A Retry-After of an overloaded receiver pauses its whole endpoint.
 */
export function classifyAttempt(
  result: AttemptResult,
  number: number,
  { schedule, random }: { schedule: RetrySchedule; random: number },
): Verdict {
  const disableReason = result.kind === "response" ? askedToStop(result) : null;
  if (result.kind === "response" && result.status >= 200 && result.status < 300) {
    return { next: "delivered", code: "delivered", disableReason };
  }
  const code = result.kind === "response" ? `http_${result.status}` : result.code;
  if (disableReason !== null) return { next: "kept", code, disableReason };
  if (result.kind === "response" && result.control === "abort-message") {
    return { next: "exhausted", code: "aborted_by_receiver", disableReason };
  }
  const retryAfterMs = result.kind === "response" ? result.retryAfterMs : null;
  const waitMs = nextWaitMs(number, { schedule, random, retryAfterMs });
  if (waitMs === null) return { next: "exhausted", code, disableReason };
  return { next: "retry", code, waitMs, pauseEndpointMs: retryAfterMs, disableReason };
}

function askedToStop({ status, control }: { status: number; control: string | null }): string | null {
  if (control === "disable") return "the receiver answered webhook-delivery: disable";
  return status === 410 ? "the receiver answered 410 Gone" : null;
}

const OVERLOADED = new Set([
  "http_429",
  "http_502",
  "http_503",
  "http_504",
  "header_timeout",
  "connect_timeout",
]);

/** True for a failure that says "too much" rather than "wrong". */
export function isOverload(code: string): boolean {
  return OVERLOADED.has(code);
}
