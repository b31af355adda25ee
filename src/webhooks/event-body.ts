import { formatNano, usdJson } from "../lib/money.ts";
import type { BudgetNews, ChargeNews } from "../spend/plan-batch.ts";

export const SCHEMA_VERSION = 1;

/**
 * A spend_tracked event as text: LiteLLM's keys first and in its order, then ours. `spend` is this call's
 * cost. No prompt or completion text, ever.
 */
export function serializeSpendTracked(news: ChargeNews): string {
  const { charge, account, terms } = news;
  const { usage, customerId, costNano } = charge;
  return JSON.stringify({
    ...litellmKeys({
      spend: costNano,
      news,
      token: charge.keyHash,
      customerId,
      event: "spend_tracked",
      message: `Customer spend tracked. Customer=${customerId}, spend=${formatNano(costNano)}`,
    }),
    id: news.id,
    type: "spend_tracked",
    timestamp: charge.occurredAt.toISOString(),
    sequence: Number(account.sequence),
    request_id: charge.requestId,
    model: charge.model,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.totalTokens,
      cached_tokens: usage.cachedTokens,
      reasoning_tokens: usage.reasoningTokens,
    },
    customer_spend: usdJson(account.spendNano),
    lifetime_spend: usdJson(account.lifetimeSpendNano),
    ...budgetKeys({ account, terms }),
    estimated: charge.estimated,
    unpriced: charge.rates === null,
    schema_version: SCHEMA_VERSION,
  });
}

/**
 * A budget event as text, with the same keys. `spend` is the customer's spend in the period; for
 * budget_reset, in the one that has ended. `resolved`: the spend is under the limit again.
 */
export function serializeBudgetEvent(news: BudgetNews): string {
  const { fact, account, terms, customerId } = news;
  return JSON.stringify({
    ...litellmKeys({
      spend: fact.spendNano,
      news,
      token: news.keyHash,
      customerId,
      event: fact.type,
      message: budgetMessage(news),
    }),
    projected_exceeded_date: fact.projectedExceededAt?.toISOString().slice(0, 10) ?? null,
    projected_spend: usdOrNull(fact.projectedNano),
    soft_budget: usdOrNull(terms?.softNano ?? null),
    id: news.id,
    type: fact.type,
    timestamp: news.at.toISOString(),
    sequence: Number(account.sequence),
    request_id: news.requestId,
    threshold: fact.share,
    limit: usdOrNull(fact.limitNano),
    resolved: fact.resolved,
    customer_spend: usdJson(account.spendNano),
    lifetime_spend: usdJson(account.lifetimeSpendNano),
    ...budgetKeys({ account, terms }),
    schema_version: SCHEMA_VERSION,
  });
}

/** LiteLLM's WebhookEvent, in its order. */
function litellmKeys(event: {
  spend: bigint;
  news: Pick<ChargeNews, "terms">;
  token: string | null;
  customerId: string;
  event: string;
  message: string;
}): object {
  return {
    spend: usdJson(event.spend),
    max_budget: usdOrNull(event.news.terms?.maxNano ?? null),
    token: event.token,
    customer_id: event.customerId,
    user_id: null,
    team_id: null,
    user_email: null,
    key_alias: null,
    projected_exceeded_date: null,
    projected_spend: null,
    event: event.event,
    event_group: "customer",
    event_message: event.message,
  };
}

function budgetKeys({ account, terms }: Pick<ChargeNews, "account" | "terms">): object {
  const max = terms?.maxNano ?? null;
  return {
    budget_id: terms?.id ?? null,
    budget_percentage_used: percentage(account.spendNano, max),
    budget_reset_at: account.periodEnd?.toISOString() ?? null,
  };
}

/** Hundredths of a percent are enough to draw a bar; null where there is nothing to be a share of. */
function percentage(spendNano: bigint, maxNano: bigint | null): number | null {
  return maxNano === null || maxNano === 0n ? null : Number((spendNano * 10_000n) / maxNano) / 100;
}

function usdOrNull(nano: bigint | null): number | null {
  return nano === null ? null : usdJson(nano);
}

/** LiteLLM's wording where it has one. */
function budgetMessage({ fact, customerId }: BudgetNews): string {
  const spend = formatNano(fact.spendNano);
  const limit = formatNano(fact.limitNano ?? 0n);
  if (fact.type === "budget_reset")
    return `Customer Budget: Reset. Customer=${customerId}, spend was ${spend}`;
  const what = {
    soft_budget_crossed: `Soft Budget Crossed: Total Soft Budget:\`${limit}\``,
    threshold_crossed: `Customer Budget: ${Math.round((fact.share ?? 0) * 1e4) / 100}% Threshold Crossed`,
    budget_crossed: `Customer Budget: Budget Crossed\n Total Budget:\`${limit}\``,
    projected_limit_exceeded: "Customer Budget: Projected Limit Exceeded",
  }[fact.type];
  return `${fact.resolved ? "Resolved: " : ""}${what} Customer=${customerId}, spend=${spend}`;
}
