import { usdJson } from "../lib/money.ts";
import { type TermsDefaults, termsOf } from "../spend/budget-terms.ts";
import type { BudgetDoc, ModelLimitDoc } from "../store/documents.ts";

/** When a budget's current period ends comes from the calendar, so showing it needs that and the time. */
export interface ShowBudget {
  readonly defaults: TermsDefaults;
  readonly now: Date;
}

/** A budget as it is shown inside a customer: LiteLLM's fields, then ours. */
export function budgetJson(budget: BudgetDoc, { defaults, now }: ShowBudget): Record<string, unknown> {
  const terms = termsOf(budget, defaults);
  return {
    budget_id: budget._id,
    soft_budget: usdOrNull(budget.softBudgetNano),
    max_budget: usdOrNull(budget.maxBudgetNano),
    max_parallel_requests: budget.maxParallelRequests,
    tpm_limit: budget.tpmLimit,
    rpm_limit: budget.rpmLimit,
    model_max_budget: modelBudgets(budget),
    budget_duration: budget.budgetDuration,
    allowed_models: [],
    budget_reset_at: terms.periodOf(now)?.end.toISOString() ?? null,
    created_at: budget.createdAt.toISOString(),
    thresholds: budget.thresholds,
    budget_enforcement: terms.enforcement,
  };
}

/** A budget as /budget/* shows it: with who made and changed it. */
export function budgetRowJson(budget: BudgetDoc, show: ShowBudget): Record<string, unknown> {
  return {
    ...budgetJson(budget, show),
    created_by: budget.createdBy,
    updated_at: budget.updatedAt.toISOString(),
    updated_by: budget.updatedBy,
  };
}

/** The limits of single models, each in the words in which it was given. */
function modelBudgets(budget: BudgetDoc): Record<string, unknown> | null {
  if (budget.modelLimits.length === 0) return null;
  return Object.fromEntries(budget.modelLimits.map((limit) => [limit.model, modelBudget(limit)]));
}

function modelBudget({ maxBudgetNano, budgetDuration, words }: ModelLimitDoc): unknown {
  const amount = usdJson(maxBudgetNano);
  const values = {
    budget_limit: amount,
    max_budget: amount,
    time_period: budgetDuration,
    budget_duration: budgetDuration,
  };
  if (words?.length === 0) return amount;
  return Object.fromEntries((words ?? WORDS_BEFORE).map((word) => [word, values[word]]));
}

const WORDS_BEFORE = ["budget_limit", "time_period"] as const;

function usdOrNull(nano: bigint | null): number | null {
  return nano === null ? null : usdJson(nano);
}
