/** The documents of deliveries and of the endpoints they go to; see documents.ts for the rules. */

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
  /** A person asked for it: it does not count against the schedule. */
  manual: boolean;
  /** As sent; null when nobody knows. */
  headers: AttemptHeadersDoc | null;
  timing: AttemptTimingDoc | null;
}

export interface AttemptHeadersDoc {
  timestamp: number;
  signature: string;
}

/** Milliseconds of each phase; null for a phase that was not reached, or not needed on an open connection. */
export interface AttemptTimingDoc {
  dnsMs: number | null;
  tcpMs: number | null;
  tlsMs: number | null;
  firstByteMs: number | null;
  totalMs: number;
}

/**
 * pending = due at dueAt, once its endpoint is enabled; gathering = waits to be told together with others;
 * batched = told by the delivery that `batchId` names; delivered and exhausted are final.
 */
export type DeliveryState = "pending" | "gathering" | "batched" | "delivered" | "exhausted";

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
  /** Sends that people asked for and that are still to be made. */
  resends: number;
  /** What the delivery is again when those have failed. */
  afterResends: { state: "pending" | "delivered" | "exhausted"; dueAt: Date } | null;
  batchId: string | null;
  createdAt: Date;
  finishedAt: Date | null;
  /** Kept until then, whatever became of it. */
  expiresAt: Date;
}

export type EndpointState = "enabled" | "paused" | "disabled";

/** Where events go, and how. */
export interface EndpointDoc {
  _id: string;
  url: string;
  description: string | null;
  state: EndpointState;
  disabledReason: string | null;
  /** Types of events it wants; null = all. */
  eventTypes: string[] | null;
  /** Customers whose events it wants; null = all. */
  customers: string[] | null;
  headerNames: string[];
  /** JSON object of the custom headers, sealed with the secrets key. */
  sealedHeaders: string | null;
  timeoutMs: number;
  maxInFlight: number;
  ratePerSecond: number | null;
  signature: SignatureScheme;
  /** Newest first; older ones sign as well until they expire. */
  secrets: SecretDoc[];
  /** The ed25519 private key, sealed; made when `v1+v1a` is first asked for. */
  sealedPrivateKey: string | null;
  publicKey: string | null;
  coalesce: { maxEvents: number; maxSeconds: number } | null;
  /** Nothing is sent before this instant (Retry-After). */
  pausedUntil: Date | null;
  breaker: BreakerDoc;
  health: EndpointHealthDoc;
  createdAt: Date;
  updatedAt: Date;
  /** Set for a deleted endpoint: it gets no new deliveries, and its old ones stay to be seen. */
  deletedAt: Date | null;
}

export type SignatureScheme = "v1" | "v1+v1a";

export interface SecretDoc {
  id: string;
  /** `whsec_…`, sealed with the secrets key. */
  sealed: string;
  createdAt: Date;
  /** It signs until then; null = until it is replaced. */
  expiresAt: Date | null;
}

/** Open: nothing is sent before `openUntil`, then one delivery is tried. */
export interface BreakerDoc {
  openUntil: Date | null;
  /** How often it has opened since it was last closed: each time it stays open longer. */
  opens: number;
  /** Since then it is closed; sending grows from slow to full speed. */
  closedAt: Date | null;
}

export interface EndpointHealthDoc {
  consecutiveFailures: number;
  /** The first failure after the last success. */
  failingSince: Date | null;
  lastSuccessAt: Date | null;
  lastFailureAt: Date | null;
  /** How many of the warnings of this failing have been given. */
  warnings: number;
}

/** What became of one endpoint's attempts in one hour. */
export interface EndpointHourDoc {
  /** JSON array of endpoint id and hour. */
  _id: string;
  endpointId: string;
  hour: Date;
  delivered: bigint;
  failed: bigint;
  /** From an event to its acceptance, summed over `timed` of those that were delivered, and the longest. */
  lagMs: bigint;
  maxLagMs: bigint;
  /** Absent in hours from before it was counted: all of `delivered`. */
  timed?: bigint;
  expiresAt: Date;
}

/** A person's wish to have events of a span of time told again. */
export interface ReplayDoc {
  _id: string;
  endpointId: string;
  from: Date;
  to: Date;
  type: string | null;
  customerId: string | null;
  onlyMissing: boolean;
  state: "running" | "done";
  /** Where the work stands: the last event seen. */
  cursor: { createdAt: Date; eventId: string } | null;
  /** Until when one process alone works at it; null = nobody does. */
  leaseUntil: Date | null;
  /** Events of the span and kind; null = not counted yet. */
  matched: number | null;
  /** Those among `matched` that the work has come to. */
  seen: number;
  queued: number;
  createdAt: Date;
  createdBy: string;
  finishedAt: Date | null;
}
