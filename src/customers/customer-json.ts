import { usdJson } from "../lib/money.ts";
import type { CustomerDoc } from "../store/documents.ts";

/** A customer as the API shows one: LiteLLM's seven fields first and in its order, then ours. */
export function customerJson(customer: CustomerDoc): object {
  return {
    user_id: customer._id,
    blocked: customer.blocked,
    alias: customer.alias,
    spend: usdJson(customer.spendNano),
    allowed_model_region: customer.allowedModelRegion,
    default_model: customer.defaultModel,
    litellm_budget_table: null,
    budget_id: customer.budgetId,
    models: customer.models,
    lifetime_spend: usdJson(customer.lifetimeSpendNano),
    sequence: Number(customer.sequence),
    last_call_at: customer.lastCallAt?.toISOString() ?? null,
    created_at: customer.createdAt.toISOString(),
    updated_at: customer.updatedAt.toISOString(),
  };
}
