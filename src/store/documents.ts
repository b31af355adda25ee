/**
 * The documents of every collection. Money and sequences are int64 in the store and bigint here (the
 * client is opened with `useBigInt64`); instants are dates; absent is null.
 */

/** How a customer's spend stands; written by the ledger only. */
export interface AccountDoc {
  /** Settled cost in the current period. */
  spendNano: bigint;
  lifetimeSpendNano: bigint;
  /** Number of the last charge; charges are 1..sequence. */
  sequence: bigint;
  /** `spendNano` is the sum of the charges after this one that are not `late`, plus the offset. */
  spendFromSequence: bigint;
  /** Spend that an operator gave the customer to begin with; gone with the first reset. */
  spendOffsetNano: bigint;
  /** Null while no budget with a duration applies. */
  periodStart: Date | null;
  periodEnd: Date | null;
  /** Limits that this period's spend has passed, and which have been told. */
  alerts: AlertDoc[];
  /** Spend on models that have a limit of their own. */
  modelSpend: ModelSpendDoc[];
}

export interface AlertDoc {
  name: string;
  /** The limit as it was when it was passed. */
  limitNano: bigint;
}

export interface ModelSpendDoc {
  model: string;
  spendNano: bigint;
  periodStart: Date | null;
  periodEnd: Date | null;
}

export interface CustomerDoc extends AccountDoc {
  /** The customer id as the caller sent it. */
  _id: string;
  alias: string | null;
  blocked: boolean;
  /** Models the customer may use; empty = all. */
  models: string[];
  budgetId: string | null;
  defaultModel: string | null;
  allowedModelRegion: "eu" | "us" | null;
  /** LiteLLM's object_permission as JSON text, kept and shown. */
  objectPermission: string | null;
  lastCallAt: Date | null;
  /** When maintenance has to look at the account: the period's end, or now after a change of its limits. */
  reviewAt: Date | null;
  /** Set for a deleted customer: its ledger and the numbering of its charges go on. */
  deletedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

export interface ModelLimitDoc {
  model: string;
  maxBudgetNano: bigint;
  budgetDuration: string | null;
}

/** A tier: limits and a period, shared by the customers that name it. */
export interface BudgetDoc {
  _id: string;
  maxBudgetNano: bigint | null;
  softBudgetNano: bigint | null;
  maxParallelRequests: number | null;
  tpmLimit: number | null;
  rpmLimit: number | null;
  budgetDuration: string | null;
  /** The first period ends here, as an operator said; later ones by the calendar. */
  firstResetAt: Date | null;
  modelLimits: ModelLimitDoc[];
  /** Shares of the maximum (0 to 1) at which threshold_crossed is told; null = the default ones. */
  thresholds: number[] | null;
  enforcement: "hard" | "soft" | null;
  /** The customer whose private copy this is; null = a tier. */
  customerId: string | null;
  createdAt: Date;
  createdBy: string;
  updatedAt: Date;
  updatedBy: string;
}

/** Who changed what: one row per change, never edited. */
export interface AuditDoc {
  _id: string;
  at: Date;
  /** SHA-256 of the API key that made the change; "import" for `npm run import`. */
  actor: string;
  /** customer.create, budget.update … */
  action: string;
  targetId: string;
  /** JSON text of the API's view before and after; null = there was none. */
  before: string | null;
  after: string | null;
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

/** One fact told to the operator. */
export type EventDoc = ChargeEventDoc | BudgetEventDoc;

export type BudgetEventType =
  | "soft_budget_crossed"
  | "threshold_crossed"
  | "budget_crossed"
  | "projected_limit_exceeded"
  | "budget_reset";

interface EventCommon {
  customerId: string;
  /** The exact text that is signed and sent on every attempt. */
  body: string;
  /** Endpoints that wanted this event when it was committed; each has a delivery. */
  endpointIds: string[];
  createdAt: Date;
}

/** A customer's spend passed a limit, came back under one, or began anew. */
export interface BudgetEventDoc extends EventCommon {
  _id: string;
  type: BudgetEventType;
}

/** A row of the ledger: append-only, one per charge. */
export interface ChargeEventDoc extends EventCommon {
  /** Derived from the request id, so that a repeated commit meets its own row. */
  _id: string;
  type: "spend_tracked";
  sequence: bigint;
  requestId: string;
  costNano: bigint;
  /** The customer's totals with this charge included. */
  spendAfterNano: bigint;
  lifetimeAfterNano: bigint;
  /** It belongs to a period that had ended when it was booked, and does not count in `spendNano`. */
  late: boolean;
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
