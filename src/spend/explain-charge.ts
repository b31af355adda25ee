import { formatDecimal, usdJson } from "../lib/money.ts";
import type { ChargeEventDoc } from "../store/documents.ts";
import { PICO_SCALE, splitTokens } from "./rates.ts";

/**
 * A charge as its arithmetic: tokens × rate per kind, their sum, and the sum rounded once to the nano-dollar.
 * Rates are the ones that were in force, in USD per token.
 */
export function explainCharge(row: ChargeEventDoc): object {
  const { usage, rates } = row;
  const parts = rates === null ? [] : splitTokens(usage, rates).filter((part) => part.tokens > 0);
  const pico = parts.reduce((sum, part) => sum + BigInt(part.tokens) * part.rate, 0n);
  return {
    request_id: row.requestId,
    event_id: row._id,
    customer_id: row.customerId,
    sequence: Number(row.sequence),
    created_at: row.createdAt.toISOString(),
    model: row.model,
    deployment_id: row.deploymentId,
    upstream_model: row.upstreamModel,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.totalTokens,
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      reasoning_tokens: usage.reasoningTokens,
    },
    estimated: row.estimated,
    unpriced: row.unpriced,
    price_source: rates?.source ?? null,
    parts: parts.map((part) => ({
      kind: part.kind,
      tokens: part.tokens,
      cost_per_token: formatDecimal(part.rate, PICO_SCALE),
      cost: formatDecimal(BigInt(part.tokens) * part.rate, PICO_SCALE),
    })),
    unrounded_cost: formatDecimal(pico, PICO_SCALE),
    cost: usdJson(row.costNano),
    customer_spend_after: usdJson(row.spendAfterNano),
    lifetime_spend_after: usdJson(row.lifetimeAfterNano),
  };
}
