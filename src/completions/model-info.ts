import { formatDecimal } from "../lib/money.ts";
import { PICO_SCALE, type Rate, type Rates } from "../spend/rates.ts";
import type { CatalogEntry } from "./model-catalog.ts";

/** Pico-USD per token and USD per million tokens are six decimal places apart. */
const PER_MILLION_SCALE = PICO_SCALE - 6;

/**
 * Deployments with the price in force and where it came from. Prices are USD per million tokens, those of
 * a short prompt where there are steps.
 */
export function modelInfo(
  deployments: readonly CatalogEntry[],
  ratesFor: (deployment: CatalogEntry) => Rates | null,
  unpricedCalls: Readonly<Record<string, number>>,
): object[] {
  return deployments.map((deployment) => {
    const rates = ratesFor(deployment);
    const usd = (rate: Rate | undefined): number | null =>
      rate === undefined ? null : Number(formatDecimal(rate.pico, PER_MILLION_SCALE));
    return {
      model_name: deployment.modelName,
      deployment_id: deployment.id,
      provider: deployment.provider,
      upstream_model: deployment.upstreamModel,
      region: deployment.region,
      max_output_tokens: deployment.maxOutputTokens,
      price: {
        input: usd(rates?.input),
        output: usd(rates?.output),
        cache_read: usd(rates?.cacheRead),
        cache_write: usd(rates?.cacheWrite),
        reasoning: usd(rates?.reasoning),
      },
      source: rates?.source ?? null,
      unpriced_calls: unpricedCalls[deployment.modelName] ?? 0,
    };
  });
}
