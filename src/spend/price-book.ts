import { calcPrice, type ModelPrice } from "@pydantic/genai-prices";
import { parseUsd } from "../lib/money.ts";
import { PICO_SCALE, type Rate, type Rates, rateFromUsdPerToken } from "./rates.ts";

/** What a price book needs to know of a deployment. */
export interface PricedDeployment {
  readonly id: string;
  readonly upstreamModel: string;
  readonly priceList: string | null;
  readonly prices: {
    readonly input?: string | number;
    readonly output?: string | number;
    readonly cacheRead?: string | number;
    readonly cacheWrite?: string | number;
    readonly reasoning?: string | number;
  };
}

/**
 * Finds a deployment's prices: its own, else the public list's; null when nobody knows one. Prices of the
 * list change on dates and at hours, so what is compiled is kept for a minute.
 */
export interface PriceBook {
  readonly ratesFor: (deployment: PricedDeployment) => Rates | null;
}

const KEEP_MS = 60_000;

/** `nowMs` is the clock in milliseconds. */
export function createPriceBook(nowMs: () => number): PriceBook {
  const compiled = new Map<string, { rates: Rates | null; until: number }>();
  return {
    ratesFor: (deployment) => {
      const now = nowMs();
      const known = compiled.get(deployment.id);
      if (known !== undefined && now < known.until) return known.rates;
      const rates = ownRates(deployment) ?? listRates(deployment, new Date(now));
      compiled.set(deployment.id, { rates, until: now + KEEP_MS });
      return rates;
    },
  };
}

/** A deployment is priced by its own figures once it names an input or output price; the other is then 0. */
function ownRates({ prices }: PricedDeployment): Rates | null {
  if (prices.input === undefined && prices.output === undefined) return null;
  const read = (value: string | number | undefined, otherwise: Rate): Rate =>
    (value === undefined ? null : rateFromUsdPerToken(value)) ?? otherwise;
  const free: Rate = { pico: 0n, tiers: [] };
  const input = read(prices.input, free);
  const output = read(prices.output, free);
  return {
    source: "deployment",
    input,
    output,
    // A missing cached-token price is the input price, not free.
    cacheRead: read(prices.cacheRead, input),
    cacheWrite: read(prices.cacheWrite, input),
    reasoning: read(prices.reasoning, output),
  };
}

function listRates(deployment: PricedDeployment, at: Date): Rates | null {
  if (deployment.priceList === null) return null;
  const found = calcPrice({ input_tokens: 1, output_tokens: 1 }, deployment.upstreamModel, {
    providerId: deployment.priceList,
    timestamp: at,
  });
  if (found === null) return null;
  const price = found.model_price;
  const input = rateFromMtok(price["input_mtok"]);
  const output = rateFromMtok(price["output_mtok"]);
  if (input === null && output === null) return null;
  const free: Rate = { pico: 0n, tiers: [] };
  const inputRate = input ?? free;
  const outputRate = output ?? free;
  return {
    source: "genai-prices",
    input: inputRate,
    output: outputRate,
    cacheRead: rateFromMtok(price["cache_read_mtok"]) ?? inputRate,
    cacheWrite: rateFromMtok(price["cache_write_mtok"]) ?? inputRate,
    reasoning: rateFromMtok(price["output_reasoning_mtok"]) ?? outputRate,
  };
}

/** USD per million tokens is the same number at a scale of six places fewer. */
function rateFromMtok(price: ModelPrice[string]): Rate | null {
  if (price === undefined) return null;
  const pico = (usd: number): bigint => parseUsd(usd, PICO_SCALE - 6) ?? 0n;
  if (typeof price === "number") return { pico: pico(price), tiers: [] };
  return {
    pico: pico(price.base),
    tiers: price.tiers
      .map((tier) => ({ above: tier.start, pico: pico(tier.price) }))
      .sort((a, b) => a.above - b.above),
  };
}
