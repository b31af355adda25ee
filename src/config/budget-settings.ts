import type { BudgetConfig, CustomerIdConfig } from "./config.ts";
import type { ConfigFile } from "./file-schema.ts";

const BUDGET_EXCEEDED_STATUS = 422;

/** How budgets work, from `general_settings` and `litellm_settings`. */
export function budgetConfig({
  general_settings: general,
  litellm_settings: litellm,
}: ConfigFile): BudgetConfig {
  const resetTime = litellm?.budget_reset_time ?? "00:00";
  return {
    defaultBudgetId: litellm?.max_end_user_budget_id ?? null,
    calendar: {
      timeZone: litellm?.timezone ?? "UTC",
      resetTime: resetTime.length === "HH:MM".length ? `${resetTime}:00` : resetTime,
    },
    enforcement: general?.budget_enforcement ?? "hard",
    exceededStatus: litellm?.budget_exceeded_status_code ?? BUDGET_EXCEEDED_STATUS,
    failClosedWithoutRedis: general?.limits_without_redis !== "fail_open",
    failClosedWithoutStore: general?.fail_closed_budget_enforcement ?? false,
    serveUnknownWithoutStore: general?.unknown_customers_without_store === "serve",
    unpriced: general?.unpriced_models ?? "block_budgeted",
  };
}

/** Where a call's customer id may stand. Mappings win over the older single name, as in LiteLLM. */
export function customerIdConfig({
  general_settings: general,
  litellm_settings: litellm,
}: ConfigFile): CustomerIdConfig {
  const mappings = [general?.user_header_mappings ?? []].flat().map((one) => one.header_name.toLowerCase());
  const single = general?.user_header_name?.toLowerCase() ?? null;
  return {
    headers: single === null ? mappings : [...mappings, single],
    forwardedHeader: single,
    required: general?.enforce_user_param ?? false,
    knownOnly: litellm?.validate_end_user_id_in_db ?? false,
  };
}
