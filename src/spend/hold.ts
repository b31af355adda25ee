import type { Rate, Rates } from "./rates.ts";

/** The most that a call can cost, and what less would buy. */
export interface HoldPlan {
  /** For the whole answer that the call allows. */
  readonly needNano: bigint;
  /** For the answer it is cut to when the whole does not fit; equals `needNano` when it says its length. */
  readonly fallbackNano: bigint;
  /** For the shortest answer that is still one: less is refused. */
  readonly minNano: bigint;
  /** How long an answer this amount buys, in tokens. */
  readonly tokensFor: (grantedNano: bigint) => number;
}

export interface HoldInput {
  readonly rates: Rates;
  /** No more prompt tokens than this. */
  readonly promptTokens: number;
  /** The answer's limit as the call says it; null = it says none. */
  readonly requestedTokens: number | null;
  /** The model's own limit; null = not known. */
  readonly modelTokens: number | null;
  /** `n`: how many answers. */
  readonly answers: number;
}

/** What an answer may need when neither the call nor the model says: the longest that common models give. */
const LONGEST_ANSWER = 131_072;
/** What a call without a limit is cut to when that does not fit: a limit that every model accepts. */
const CUT_ANSWER = 4096;
/** The shortest answer worth a call. */
const LEAST_ANSWER = 16;
const PICO_PER_NANO = 1000n;

/** Upper bounds at the highest rate that could apply, rounded up. */
export function planHold(input: HoldInput): HoldPlan {
  const { rates, requestedTokens, modelTokens } = input;
  const inputRate = highest([rates.input, rates.cacheRead, rates.cacheWrite]);
  const outputRate = highest([rates.output, rates.reasoning]) * BigInt(input.answers);
  const promptPico = BigInt(input.promptTokens) * inputRate;
  const costOf = (tokens: number): bigint => ceilNano(promptPico + BigInt(tokens) * outputRate);
  const most = Math.min(requestedTokens ?? Infinity, modelTokens ?? Infinity);
  const need = Number.isFinite(most) ? most : LONGEST_ANSWER;
  const fallback = requestedTokens === null ? Math.min(need, modelTokens ?? CUT_ANSWER) : need;
  return {
    needNano: costOf(need),
    fallbackNano: costOf(fallback),
    minNano: costOf(Math.min(need, LEAST_ANSWER)),
    tokensFor: (grantedNano) => {
      if (outputRate === 0n) return fallback;
      const bought = (grantedNano * PICO_PER_NANO - promptPico) / outputRate;
      return Number(bought > BigInt(fallback) ? BigInt(fallback) : bought);
    },
  };
}

/** True when no call to this model can cost anything. */
export function isFree(rates: Rates): boolean {
  return highest(Object.values(rates).filter((rate) => typeof rate === "object")) === 0n;
}

function highest(rates: readonly Rate[]): bigint {
  return rates
    .flatMap((rate) => [rate.pico, ...rate.tiers.map((tier) => tier.pico)])
    .reduce((most, pico) => (pico > most ? pico : most), 0n);
}

function ceilNano(pico: bigint): bigint {
  return (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO;
}
