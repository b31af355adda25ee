import { z } from "zod";

const usd = z.number().nonnegative();
const count = z.int().nonnegative();

/** In the words in which it was given. */
const period = z.string().nullable().optional();
const modelLimit = z.union([
  usd,
  z.strictObject({
    budget_limit: usd.optional(),
    max_budget: usd.optional(),
    time_period: period,
    budget_duration: period,
  }),
]);

/** A budget as it is shown inside a customer. */
export const budgetTermsSchema = z.strictObject({
  budget_id: z.string(),
  soft_budget: usd.nullable(),
  max_budget: usd.nullable(),
  max_parallel_requests: count.nullable(),
  tpm_limit: count.nullable(),
  rpm_limit: count.nullable(),
  model_max_budget: z.record(z.string(), modelLimit).nullable(),
  budget_duration: z.string().nullable(),
  allowed_models: z.array(z.string()),
  budget_reset_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
  thresholds: z.array(z.number()).nullable(),
  budget_enforcement: z.enum(["hard", "soft"]),
});

/** A tier as /budget/* shows it. */
export const budgetSchema = budgetTermsSchema.extend({
  created_by: z.string(),
  updated_at: z.iso.datetime(),
  updated_by: z.string(),
});
export type Budget = z.infer<typeof budgetSchema>;

/** A tier with how many customers it has, how many are near its limit and how many over. */
export const usedBudgetSchema = budgetSchema.extend({ customers: count, near: count, over: count });
export type UsedBudget = z.infer<typeof usedBudgetSchema>;

export const budgetPreviewSchema = z.strictObject({ customers: count, over_now: count, over_then: count });
export type BudgetPreview = z.infer<typeof budgetPreviewSchema>;
