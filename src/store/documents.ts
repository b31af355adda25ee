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
  /** The alias as it is searched by: without case. */
  aliasKey: string | null;
  blocked: boolean;
  /** Models the customer may use; empty = all. */
  models: string[];
  budgetId: string | null;
  defaultModel: string | null;
  allowedModelRegion: "eu" | "us" | null;
  /** LiteLLM's object_permission as JSON text, kept and shown. */
  objectPermission: string | null;
  lastCallAt: Date | null;
  /**
   * `spendNano` as a share of the maximum of the budget in force, as `utilizationOf` gives it; null without
   * a maximum. Derived, to be sorted by: true again within a maintenance pass after a tier has changed.
   */
  utilization: number | null;
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
  /** The fields in which it was given; none for a bare amount. Absent in rows from before. */
  words?: ModelLimitWord[];
}

export type ModelLimitWord = "budget_limit" | "max_budget" | "time_period" | "budget_duration";

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

/** A tier that has changed, and whose customers have not all been looked at since. */
export interface TierReviewDoc {
  /** The budget's id. */
  _id: string;
  since: Date;
  isDeleted: boolean;
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
export type EventDoc = ChargeEventDoc | BudgetEventDoc | NoticeEventDoc | BatchEventDoc;

export type BudgetEventType =
  | "soft_budget_crossed"
  | "threshold_crossed"
  | "budget_crossed"
  | "projected_limit_exceeded"
  | "budget_reset";

/** Facts about the service itself. */
export type NoticeEventType = "endpoint_disabled" | "price_missing";

interface EventCommon {
  /** "" for a fact that is about no customer. */
  customerId: string;
  /** The exact text that is signed and sent on every attempt. */
  body: string;
  /** Endpoints that wanted this event when it was committed; each has a delivery. */
  endpointIds: string[];
  /** Until then its deliveries are kept. */
  deliveriesUntil: Date;
  createdAt: Date;
}

/** A customer's spend passed a limit, came back under one, or began anew. */
export interface BudgetEventDoc extends EventCommon {
  _id: string;
  type: BudgetEventType;
}

export interface NoticeEventDoc extends EventCommon {
  _id: string;
  type: NoticeEventType;
}

/** Several charges told in one POST to one endpoint that asked for it. */
export interface BatchEventDoc extends EventCommon {
  _id: string;
  type: "spend_tracked.batch";
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
  /** Of these calls, those whose model had no price. */
  unpricedCalls: bigint;
}

/**
 * What all customers together spent on one UTC day with one model, as one process has committed it: the
 * sum over `shard` is the total. Written in the ledger's transactions.
 */
export interface DailyTotalDoc {
  /** JSON array of day, model, shard. */
  _id: string;
  day: string;
  model: string;
  shard: string;
  costNano: bigint;
  calls: bigint;
  promptTokens: bigint;
  completionTokens: bigint;
  unpricedCalls: bigint;
}

/** Calls that were refused on one UTC day for one reason: a statistic, not the ledger's. */
export interface DailyRefusalDoc {
  /** JSON array of day and code. */
  _id: string;
  day: string;
  code: string;
  calls: bigint;
  /** What they would have cost at the least, where a budget was the reason. */
  usdNano: bigint;
}
/** A dashboard that is signed in; the row's end is the session's end. */
export interface SessionDoc {
  _id: string;
  createdAt: Date;
  expiresAt: Date;
}
