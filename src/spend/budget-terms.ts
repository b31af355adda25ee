import { parseUsd } from "../lib/money.ts";
import type { BudgetDoc } from "../store/documents.ts";
import {
  type BudgetCalendar,
  type BudgetDuration,
  parseBudgetDuration,
  type Period,
  periodAt,
} from "./periods.ts";

/** hard: nothing is admitted that might not fit; soft: admitted while anything is left, as LiteLLM does. */
export type Enforcement = "hard" | "soft";

/** A limit on the spend with one model. */
export interface ModelTerms {
  readonly model: string;
  readonly maxNano: bigint;
  readonly periodOf: (now: Date) => Period | null;
}

/** What a budget means for spending: its limits, and which period an instant lies in. */
export interface BudgetTerms {
  readonly id: string;
  readonly maxNano: bigint | null;
  readonly softNano: bigint | null;
  readonly enforcement: Enforcement;
  readonly rpmLimit: number | null;
  readonly tpmLimit: number | null;
  readonly maxParallelRequests: number | null;
  readonly models: readonly ModelTerms[];
  /** Limits of spend that are told when they are passed, ascending. */
  readonly alertLimits: readonly AlertLimit[];
  /** Null: the budget has no duration and is never reset. */
  readonly periodOf: (now: Date) => Period | null;
}

export interface AlertLimit {
  /** Names the limit in a customer's list of told ones. */
  readonly name: string;
  readonly type: "soft_budget_crossed" | "threshold_crossed" | "budget_crossed";
  /** Share of the maximum, for threshold_crossed. */
  readonly share: number | null;
  readonly limitNano: bigint;
}

export interface TermsDefaults {
  readonly calendar: BudgetCalendar;
  readonly enforcement: Enforcement;
}

export const DEFAULT_THRESHOLDS: readonly number[] = [0.85, 0.95];
const SHARE_SCALE = 6;

/** Compiles a stored budget. */
export function termsOf(budget: BudgetDoc, defaults: TermsDefaults): BudgetTerms {
  const periods = (duration: string | null, firstResetAt: Date | null): BudgetTerms["periodOf"] =>
    periodFinder(duration, { anchor: budget.createdAt, firstResetAt, calendar: defaults.calendar });
  return {
    id: budget._id,
    maxNano: budget.maxBudgetNano,
    softNano: budget.softBudgetNano,
    enforcement: budget.enforcement ?? defaults.enforcement,
    rpmLimit: budget.rpmLimit,
    tpmLimit: budget.tpmLimit,
    maxParallelRequests: budget.maxParallelRequests,
    models: budget.modelLimits.map((limit) => ({
      model: limit.model,
      maxNano: limit.maxBudgetNano,
      periodOf: periods(limit.budgetDuration, null),
    })),
    alertLimits: alertLimits(budget),
    periodOf: periods(budget.budgetDuration, budget.firstResetAt),
  };
}

function alertLimits(budget: BudgetDoc): AlertLimit[] {
  const { maxBudgetNano: max, softBudgetNano: soft } = budget;
  const limits: AlertLimit[] = [];
  if (soft !== null) limits.push({ name: "soft", type: "soft_budget_crossed", share: null, limitNano: soft });
  if (max === null) return limits;
  for (const share of budget.thresholds ?? DEFAULT_THRESHOLDS) {
    const millionths = parseUsd(share, SHARE_SCALE) ?? 0n;
    const limitNano = (max * millionths) / 10n ** BigInt(SHARE_SCALE);
    limits.push({ name: `threshold:${share}`, type: "threshold_crossed", share, limitNano });
  }
  limits.push({ name: "max", type: "budget_crossed", share: null, limitNano: max });
  return limits;
}

/**
 * Remembers the last period: it is asked for at every call and changes once a month. Without a duration
 * there is a period only where an operator has said when the first one ends, and none after it.
 */
function periodFinder(
  text: string | null,
  by: { anchor: Date; firstResetAt: Date | null; calendar: BudgetCalendar },
): (now: Date) => Period | null {
  const duration = text === null ? null : parseBudgetDuration(text);
  if (duration === null && by.firstResetAt === null) return () => null;
  let last: Period | null = null;
  return (now) => {
    if (last === null || now < last.start || now >= last.end) last = findPeriod(duration, by, now);
    return last;
  };
}

function findPeriod(
  duration: BudgetDuration | null,
  { anchor, firstResetAt, calendar }: { anchor: Date; firstResetAt: Date | null; calendar: BudgetCalendar },
  now: Date,
): Period | null {
  if (firstResetAt !== null && now < firstResetAt) {
    return { start: new Date(Math.min(anchor.getTime(), now.getTime())), end: firstResetAt };
  }
  if (duration === null) return null;
  const period = periodAt(duration, anchor, calendar, now);
  const cut = firstResetAt !== null && period.start < firstResetAt;
  return { start: cut ? firstResetAt : period.start, end: period.end };
}
