/**
 * The documents of every collection. Money and sequences are int64 in the store and bigint here (the
 * client is opened with `useBigInt64`); instants are dates; absent is null.
 */

export interface CustomerDoc {
  /** The customer id as the caller sent it. */
  _id: string;
  alias: string | null;
  blocked: boolean;
  models: string[];
  budgetId: string | null;
  defaultModel: string | null;
  allowedModelRegion: "eu" | "us" | null;
  /** Settled cost in the current period. */
  spendNano: bigint;
  lifetimeSpendNano: bigint;
  /** Number of the last charge; charges are 1..sequence. */
  sequence: bigint;
  periodStart: Date | null;
  periodEnd: Date | null;
  lastCallAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface UsageDoc {
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
}

/** Rates in pico-USD per token, as they were when the charge was made. */
export interface RatesDoc {
  source: string;
  input: bigint;
  output: bigint;
  cacheRead: bigint;
  cacheWrite: bigint;
  reasoning: bigint;
}

/** One fact told to the operator. Rows of type spend_tracked are the ledger: append-only, one per charge. */
export interface EventDoc {
  /** Derived from the request id, so that a repeated commit meets its own row. */
  _id: string;
  type: "spend_tracked";
  customerId: string;
  sequence: bigint;
  requestId: string;
  costNano: bigint;
  /** The customer's totals with this charge included. */
  spendAfterNano: bigint;
  lifetimeAfterNano: bigint;
  rates: RatesDoc | null;
  model: string;
  deploymentId: string;
  upstreamModel: string;
  usage: UsageDoc;
  estimated: boolean;
  unpriced: boolean;
  keyHash: string;
  /** UTC day of the charge, YYYY-MM-DD: which daily_spend row it went into. */
  day: string;
  /** The exact text that is signed and sent on every attempt. */
  body: string;
  /** Endpoints that wanted this event when it was committed; each has a delivery. */
  endpointIds: string[];
  createdAt: Date;
}

export type AttemptOutcome = "delivered" | "failed" | "unknown";

export interface AttemptDoc {
  /** 1-indexed. */
  number: number;
  startedAt: Date;
  durationMs: number | null;
  outcome: AttemptOutcome;
  /** delivered, connect_timeout, http_500 … */
  code: string;
  status: number | null;
  /** At most 4 KiB of what the receiver answered. */
  response: string | null;
}

/**
 * pending = due at dueAt; parked = kept until its endpoint is resumed; delivered and exhausted are final.
 */
export type DeliveryState = "pending" | "parked" | "delivered" | "exhausted";

/** One event to one endpoint. The id is derived from both, so it exists once. */
export interface DeliveryDoc {
  _id: string;
  eventId: string;
  endpointId: string;
  customerId: string;
  type: string;
  state: DeliveryState;
  dueAt: Date;
  attempts: AttemptDoc[];
  /** Held by the worker that is attempting it; worthless after `until`. */
  lease: { token: string; until: Date; startedAt: Date } | null;
  createdAt: Date;
  finishedAt: Date | null;
}

/** What one customer spent on one UTC day with one model through one API key. */
export interface DailySpendDoc {
  /** JSON array of day, customer id, model, key hash. */
  _id: string;
  day: string;
  customerId: string;
  model: string;
  keyHash: string;
  costNano: bigint;
  calls: bigint;
  promptTokens: bigint;
  completionTokens: bigint;
  cachedTokens: bigint;
}

export interface EndpointDoc {
  _id: string;
  url: string;
  state: "enabled" | "disabled";
  disabledReason: string | null;
  /** Sealed with the secrets key. */
  sealedSecret: string;
  /** Nothing is sent before this instant (Retry-After). */
  pausedUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
}
