import { formatNano, usdJson } from "../lib/money.ts";
import type { TokenUsage } from "../lib/token-usage.ts";

export const SCHEMA_VERSION = 1;

/** What a spend_tracked event tells. */
export interface SpendTracked {
  readonly id: string;
  readonly requestId: string;
  readonly customerId: string;
  readonly occurredAt: Date;
  readonly costNano: bigint;
  readonly spendNano: bigint;
  readonly lifetimeSpendNano: bigint;
  readonly sequence: bigint;
  readonly keyHash: string;
  readonly model: string;
  readonly usage: TokenUsage;
  readonly estimated: boolean;
  readonly unpriced: boolean;
}

/**
 * The event as text: LiteLLM's keys first and in its order, then ours. `spend` is this call's cost. No
 * prompt or completion text, ever.
 */
export function serializeSpendTracked(event: SpendTracked): string {
  const { usage } = event;
  return JSON.stringify({
    spend: usdJson(event.costNano),
    max_budget: null,
    token: event.keyHash,
    customer_id: event.customerId,
    user_id: null,
    team_id: null,
    user_email: null,
    key_alias: null,
    projected_exceeded_date: null,
    projected_spend: null,
    event: "spend_tracked",
    event_group: "customer",
    event_message: `Customer spend tracked. Customer=${event.customerId}, spend=${formatNano(event.costNano)}`,
    id: event.id,
    type: "spend_tracked",
    timestamp: event.occurredAt.toISOString(),
    sequence: Number(event.sequence),
    request_id: event.requestId,
    model: event.model,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.totalTokens,
      cached_tokens: usage.cachedTokens,
      reasoning_tokens: usage.reasoningTokens,
    },
    customer_spend: usdJson(event.spendNano),
    lifetime_spend: usdJson(event.lifetimeSpendNano),
    budget_id: null,
    budget_percentage_used: null,
    budget_reset_at: null,
    estimated: event.estimated,
    unpriced: event.unpriced,
    schema_version: SCHEMA_VERSION,
  });
}
