import { usdJson } from "../lib/money.ts";
import { projectLimit, projectPeriod, reviewAccount } from "../spend/account.ts";
import { termsOf } from "../spend/budget-terms.ts";
import { utilizationOf } from "../spend/utilization.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { budgetJson, type ShowBudget } from "./budget-json.ts";

export interface ShownCustomer extends Record<string, unknown> {
  /** Spend as a share of the maximum in force; null without one. */
  readonly utilization: number | null;
}

interface Budgets {
  readonly own: BudgetDoc | null;
  readonly applies: BudgetDoc | null;
}

/**
 * A customer as the API shows one: LiteLLM's seven fields first and in its order, then ours. Spend is that
 * of the current period, also when nothing has run since it began. `budget` is the customer's own;
 * `applies` also the default one, which LiteLLM does not show.
 */
export function customerJson(customer: CustomerDoc, budgets: Budgets, show: ShowBudget): ShownCustomer {
  const terms = budgets.applies === null ? null : termsOf(budgets.applies, show.defaults);
  const { account } = reviewAccount(customer, terms, show.now);
  return {
    user_id: customer._id,
    blocked: customer.blocked,
    alias: customer.alias,
    spend: usdJson(account.spendNano),
    allowed_model_region: customer.allowedModelRegion,
    default_model: customer.defaultModel,
    litellm_budget_table: budgets.own === null ? null : budgetJson(budgets.own, show),
    budget_id: customer.budgetId,
    models: customer.models,
    object_permission_id: null,
    object_permission: parseJson(customer.objectPermission),
    lifetime_spend: usdJson(account.lifetimeSpendNano),
    sequence: Number(account.sequence),
    effective_budget_id: terms?.id ?? null,
    max_budget: terms?.maxNano == null ? null : usdJson(terms.maxNano),
    utilization: utilizationOf(account.spendNano, terms?.maxNano ?? null),
    budget_reset_at: account.periodEnd?.toISOString() ?? null,
    model_spend: Object.fromEntries(
      account.modelSpend.map(({ model, spendNano }) => [model, usdJson(spendNano)]),
    ),
    last_call_at: customer.lastCallAt?.toISOString() ?? null,
    created_at: customer.createdAt.toISOString(),
    updated_at: customer.updatedAt.toISOString(),
  };
}

/** Where the period would end at its pace so far; null where there is no period, or it is too early to say. */
export function projectionJson(customer: CustomerDoc, { applies }: Budgets, show: ShowBudget): object {
  const terms = applies === null ? null : termsOf(applies, show.defaults);
  const { account } = reviewAccount(customer, terms, show.now);
  const projection = projectPeriod(account, show.now);
  const limitNano = projectLimit(terms);
  const isPassed = projection !== null && limitNano !== null && projection.projectedNano > limitNano;
  // What has been passed already is not foretold.
  const at = isPassed && account.spendNano < limitNano ? projection.reachesAt(limitNano) : null;
  return {
    projected_spend: projection === null ? null : usdJson(projection.projectedNano),
    projected_exceeded_at: at?.toISOString() ?? null,
  };
}

function parseJson(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
