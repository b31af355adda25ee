import { z } from "zod";
import { parseBudgetDuration } from "../spend/periods.ts";
import type { BudgetDoc, ModelLimitDoc, ModelLimitWord } from "../store/documents.ts";
import { wellFormedText } from "./field-text.ts";
import { amount, usd } from "./usd-field.ts";

const count = z
  .union(
    [z.number(), z.string().regex(/^\d+$/, "Input should be a whole number").transform(Number)],
    "Input should be a whole number",
  )
  .refine((value) => Number.isSafeInteger(value), "Input should be a whole number")
  .refine((value) => value >= 0, "Input should not be negative");
const DURATION = "be a count and a unit of s, m, h, d, w, mo, such as 30d or 1mo";
const duration = z.string().refine((text) => parseBudgetDuration(text) !== null, {
  message: `Input should ${DURATION}`,
  params: { code: "invalid_budget", fault: `Invalid %s: it should ${DURATION}` },
});
/** Shares are told apart by their value, and kept to a millionth. */
const shares = z
  .array(z.number().min(0.000001, "A share is more than 0").max(1, "A share is at most 1"))
  .max(20)
  .refine((list) => new Set(list).size === list.length, "Each share should be given once");

/** Fields of LiteLLM's that would be limits, and are none here, may only say nothing. */
const MODEL_PACE = "Input should be null: of a single model only a maximum spend is limited here";
const modelLimit = z.union(
  [
    usd,
    z
      .strictObject({
        budget_limit: usd.nullish(),
        max_budget: usd.nullish(),
        time_period: duration.nullish(),
        budget_duration: duration.nullish(),
        tpm_limit: z.null(MODEL_PACE).optional(),
        rpm_limit: z.null(MODEL_PACE).optional(),
      })
      .refine(
        (limit) => (limit.budget_limit == null) !== (limit.max_budget == null),
        "Input should have either budget_limit or max_budget",
      )
      .refine(
        (limit) => limit.time_period == null || limit.budget_duration == null,
        "Input should have either time_period or budget_duration",
      ),
  ],
  "Input should be an amount, {budget_limit, time_period} or {max_budget, budget_duration}",
);

const modelName = wellFormedText(8192).min(1, "A model has a name");
/** By the name that callers use: a pattern would be a limit that never holds. */
const modelLimits = z.record(z.string(), modelLimit).superRefine((limits, context) => {
  for (const model of Object.keys(limits)) {
    const issues = modelName.safeParse(model).error?.issues ?? [];
    const pattern = model.includes("*") ? ["Input should limit one model by its name, without a *"] : [];
    for (const message of [...issues.map((issue) => issue.message), ...pattern]) {
      context.addIssue({ code: "custom", message, path: [model] });
    }
  }
});

/** The fields of a budget, as they come; `null` clears, an absent one stays. */
export const budgetFields = {
  max_budget: usd.nullish(),
  soft_budget: usd.nullish(),
  max_parallel_requests: count.nullish(),
  tpm_limit: count.nullish(),
  rpm_limit: count.nullish(),
  budget_duration: duration.nullish(),
  budget_reset_at: z.iso
    .datetime({
      offset: true,
      local: true,
      message: "Input should be a date and time, UTC or with its offset",
    })
    .nullish(),
  model_max_budget: modelLimits.nullish(),
  thresholds: shares.nullish(),
  budget_enforcement: z.enum(["hard", "soft"]).nullish(),
} as const;

const schema = z.object(budgetFields);
export type BudgetFields = z.infer<typeof schema>;
export const BUDGET_FIELD_NAMES = Object.keys(budgetFields) as (keyof BudgetFields)[];

/** The limits that are given a value. */
export function givenLimits(fields: BudgetFields): BudgetFields {
  return Object.fromEntries(
    BUDGET_FIELD_NAMES.flatMap((name) => (fields[name] == null ? [] : [[name, fields[name]]])),
  );
}

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

/** The limits with these changes. */
export function changeLimits(limits: Limits, fields: BudgetFields): Limits {
  const given = <T>(value: T | undefined, otherwise: T): T => (value === undefined ? otherwise : value);
  const durationChanged =
    fields.budget_duration !== undefined && fields.budget_duration !== limits.budgetDuration;
  const resetAt = fields.budget_reset_at;
  return {
    maxBudgetNano: given(amount(fields.max_budget), limits.maxBudgetNano),
    softBudgetNano: given(amount(fields.soft_budget), limits.softBudgetNano),
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
          : readInstant(resetAt),
    modelLimits: given(readModelLimits(fields.model_max_budget), limits.modelLimits),
    thresholds: given(fields.thresholds, limits.thresholds),
    enforcement: given(fields.budget_enforcement, limits.enforcement),
  };
}

/** LiteLLM's times without an offset are UTC. */
export function readInstant(text: string): Date {
  return new Date(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
}

const MODEL_LIMIT_WORDS: readonly ModelLimitWord[] = [
  "budget_limit",
  "max_budget",
  "time_period",
  "budget_duration",
];

function readModelLimits(given: BudgetFields["model_max_budget"]): ModelLimitDoc[] | undefined {
  if (given === undefined) return undefined;
  return Object.entries(given ?? {}).map(([model, limit]) => {
    if (typeof limit !== "object") {
      return { model, maxBudgetNano: amount(limit) ?? 0n, budgetDuration: null, words: [] };
    }
    const budgetDuration = limit.time_period ?? limit.budget_duration ?? null;
    const words = MODEL_LIMIT_WORDS.filter((word) => {
      // Of two words for one thing the one that says nothing is left out.
      const mayBeNull = budgetDuration === null && word !== "budget_limit" && word !== "max_budget";
      return limit[word] !== undefined && (limit[word] !== null || mayBeNull);
    });
    const maxBudgetNano = amount(limit.budget_limit ?? limit.max_budget) ?? 0n;
    return { model, maxBudgetNano, budgetDuration, words };
  });
}
