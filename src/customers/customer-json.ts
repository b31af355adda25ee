import { usdJson } from "../lib/money.ts";
import { reviewAccount } from "../spend/account.ts";
import { termsOf } from "../spend/budget-terms.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { budgetJson, type ShowBudget } from "./budget-json.ts";

/**
 * A customer as the API shows one: LiteLLM's seven fields first and in its order, then ours. Spend is that
 * of the current period, also when nothing has run since it began. `budget` is the customer's own;
 * `applies` also the default one, which LiteLLM does not show.
 */
export function customerJson(
  customer: CustomerDoc,
  budgets: { readonly own: BudgetDoc | null; readonly applies: BudgetDoc | null },
  show: ShowBudget,
): Record<string, unknown> {
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
    budget_reset_at: account.periodEnd?.toISOString() ?? null,
    model_spend: Object.fromEntries(
      account.modelSpend.map(({ model, spendNano }) => [model, usdJson(spendNano)]),
    ),
    last_call_at: customer.lastCallAt?.toISOString() ?? null,
    created_at: customer.createdAt.toISOString(),
    updated_at: customer.updatedAt.toISOString(),
  };
}

function parseJson(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
