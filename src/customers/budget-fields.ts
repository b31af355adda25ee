import { z } from "zod";
import { AppError } from "../errors.ts";
import { parseUsd } from "../lib/money.ts";
import { parseBudgetDuration } from "../spend/periods.ts";
import type { BudgetDoc, ModelLimitDoc } from "../store/documents.ts";

const NANO_SCALE = 9;
/** Sums up to here stay exact in every part that counts them; nobody's budget is near it. */
const MOST_NANO = 10n ** 9n * 10n ** 9n;

/** A number, or the text of one, as LiteLLM's clients send it. */
const usd = z.union([z.number(), z.string()], "Input should be a number or the text of one");
const count = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], "Input should be a whole number")
  .pipe(z.int("Input should be a whole number").nonnegative("Input should not be negative"));
const duration = z
  .string()
  .refine(
    (text) => parseBudgetDuration(text) !== null,
    "Input should be a count and a unit of s, m, h, d, w, mo, such as 30d or 1mo",
  );
const share = z.number().gt(0, "A share is more than 0").max(1, "A share is at most 1");

const modelLimit = z.union(
  [
    usd,
    z.strictObject({ budget_limit: usd, time_period: duration.nullish() }),
    z.strictObject({ max_budget: usd, budget_duration: duration.nullish() }),
  ],
  "Input should be an amount, {budget_limit, time_period} or {max_budget, budget_duration}",
);

/** The fields of a budget, as they come; `null` clears, an absent one stays. */
export const budgetFields = {
  max_budget: usd.nullish(),
  soft_budget: usd.nullish(),
  max_parallel_requests: count.nullish(),
  tpm_limit: count.nullish(),
  rpm_limit: count.nullish(),
  budget_duration: duration.nullish(),
  budget_reset_at: z.iso
    .datetime({ offset: true, message: "Input should be a date and time with its offset" })
    .nullish(),
  model_max_budget: z.record(z.string().min(1), modelLimit).nullish(),
  thresholds: z.array(share).max(20).nullish(),
  budget_enforcement: z.enum(["hard", "soft"]).nullish(),
} as const;

const schema = z.object(budgetFields);
export type BudgetFields = z.infer<typeof schema>;
export const BUDGET_FIELD_NAMES = Object.keys(budgetFields) as (keyof BudgetFields)[];

/** True when any field of a budget was given, `null` included. */
export function hasBudgetFields(fields: BudgetFields): boolean {
  return BUDGET_FIELD_NAMES.some((name) => fields[name] !== undefined);
}

type Limits = Omit<BudgetDoc, "_id" | "customerId" | "createdAt" | "createdBy" | "updatedAt" | "updatedBy">;

export const NO_LIMITS: Limits = {
  maxBudgetNano: null,
  softBudgetNano: null,
  maxParallelRequests: null,
  tpmLimit: null,
  rpmLimit: null,
  budgetDuration: null,
  firstResetAt: null,
  modelLimits: [],
  thresholds: null,
  enforcement: null,
};

/** The limits with these changes. Throws invalid_budget for amounts that are none. */
export function changeLimits(limits: Limits, fields: BudgetFields): Limits {
  const given = <T>(value: T | undefined, otherwise: T): T => (value === undefined ? otherwise : value);
  const durationChanged =
    fields.budget_duration !== undefined && fields.budget_duration !== limits.budgetDuration;
  const resetAt = fields.budget_reset_at;
  return {
    maxBudgetNano: given(amount("max_budget", fields.max_budget), limits.maxBudgetNano),
    softBudgetNano: given(amount("soft_budget", fields.soft_budget), limits.softBudgetNano),
    maxParallelRequests: given(fields.max_parallel_requests, limits.maxParallelRequests),
    tpmLimit: given(fields.tpm_limit, limits.tpmLimit),
    rpmLimit: given(fields.rpm_limit, limits.rpmLimit),
    budgetDuration: given(fields.budget_duration, limits.budgetDuration),
    // Another duration is another calendar: the old first reset has nothing to do with it.
    firstResetAt:
      resetAt === undefined
        ? durationChanged
          ? null
          : limits.firstResetAt
        : resetAt === null
          ? null
          : new Date(resetAt),
    modelLimits: given(modelLimits(fields.model_max_budget), limits.modelLimits),
    thresholds: given(fields.thresholds, limits.thresholds),
    enforcement: given(fields.budget_enforcement, limits.enforcement),
  };
}

/** USD as nano-USD; undefined and null stay what they are. */
export function amount(field: string, value: number | string | null | undefined): bigint | null | undefined {
  if (value === undefined || value === null) return value;
  const nano = parseUsd(value, NANO_SCALE);
  if (nano === null || nano > MOST_NANO) {
    throw new AppError(
      "invalid_budget",
      `${field} must be a non-negative finite number. Received: ${String(value).slice(0, 100)}`,
    );
  }
  return nano;
}

function modelLimits(given: BudgetFields["model_max_budget"]): ModelLimitDoc[] | undefined {
  if (given === undefined) return undefined;
  return Object.entries(given ?? {}).map(([model, limit]) => {
    const place = `model_max_budget.${model}`;
    if (typeof limit !== "object") {
      return { model, maxBudgetNano: amount(place, limit) ?? 0n, budgetDuration: null };
    }
    const [value, period] =
      "budget_limit" in limit
        ? [limit.budget_limit, limit.time_period]
        : [limit.max_budget, limit.budget_duration];
    return { model, maxBudgetNano: amount(place, value) ?? 0n, budgetDuration: period ?? null };
  });
}
