import { divideHalfUp, parseUsd } from "../lib/money.ts";
import type { TokenUsage } from "../lib/token-usage.ts";

/** One price: pico-USD (1e-12 USD) per token, and the rate above a prompt length where there is one. */
export interface Rate {
  readonly pico: bigint;
  /** Ascending by `above`: with more prompt tokens than that, the rate holds for all tokens of the call. */
  readonly tiers: readonly { readonly above: number; readonly pico: bigint }[];
}

/** A model's prices, compiled. */
export interface Rates {
  /** Where they came from: "deployment" or "genai-prices". */
  readonly source: string;
  readonly input: Rate;
  readonly output: Rate;
  readonly cacheRead: Rate;
  readonly cacheWrite: Rate;
  readonly reasoning: Rate;
}

/** The rates that applied to one call. */
export interface AppliedRates {
  readonly source: string;
  readonly input: bigint;
  readonly output: bigint;
  readonly cacheRead: bigint;
  readonly cacheWrite: bigint;
  readonly reasoning: bigint;
}

const PICO_PER_NANO = 1000n;
/** Decimal places of one token's price: pico-USD. */
export const PICO_SCALE = 12;

/** A flat rate from USD per token as configured; null when it is not a price. */
export function rateFromUsdPerToken(value: string | number): Rate | null {
  const pico = parseUsd(value, PICO_SCALE);
  return pico === null ? null : { pico, tiers: [] };
}

/** The rates that hold for a prompt of this length. */
export function applyRates(rates: Rates, promptTokens: number): AppliedRates {
  const at = (rate: Rate): bigint =>
    rate.tiers.findLast((tier) => promptTokens > tier.above)?.pico ?? rate.pico;
  return {
    source: rates.source,
    input: at(rates.input),
    output: at(rates.output),
    cacheRead: at(rates.cacheRead),
    cacheWrite: at(rates.cacheWrite),
    reasoning: at(rates.reasoning),
  };
}

/**
 * The cost of one call in nano-USD: tokens × rate summed exactly in pico-USD, rounded once, half up.
 * Cached and written tokens are taken out of the prompt, reasoning tokens out of the completion; where
 * an upstream's details exceed the whole they are cut to it, so nothing is billed twice or below zero.
 */
export function costOf(usage: TokenUsage, rates: AppliedRates): bigint {
  const pico = splitTokens(usage, rates).reduce((sum, part) => sum + BigInt(part.tokens) * part.rate, 0n);
  return divideHalfUp(pico, PICO_PER_NANO);
}

/** Tokens of one kind and their rate in pico-USD. */
export interface TokenPart {
  readonly kind: "prompt" | "cached" | "cache_write" | "completion" | "reasoning";
  readonly tokens: number;
  readonly rate: bigint;
}

/** A call's tokens by the rate that applies to each; see `costOf` for how overlaps are cut. */
export function splitTokens(usage: TokenUsage, rates: Omit<AppliedRates, "source">): TokenPart[] {
  const cached = Math.min(usage.cachedTokens, usage.promptTokens);
  const written = Math.min(usage.cacheWriteTokens, usage.promptTokens - cached);
  const reasoning = Math.min(usage.reasoningTokens, usage.completionTokens);
  return [
    { kind: "prompt", tokens: usage.promptTokens - cached - written, rate: rates.input },
    { kind: "cached", tokens: cached, rate: rates.cacheRead },
    { kind: "cache_write", tokens: written, rate: rates.cacheWrite },
    { kind: "completion", tokens: usage.completionTokens - reasoning, rate: rates.output },
    { kind: "reasoning", tokens: reasoning, rate: rates.reasoning },
  ];
}
