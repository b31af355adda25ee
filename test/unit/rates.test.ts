import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { TokenUsage } from "../../src/lib/token-usage.ts";
import { createPriceBook, type PricedDeployment } from "../../src/spend/price-book.ts";
import { applyRates, costOf } from "../../src/spend/rates.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

function usage(fields: Partial<TokenUsage>): TokenUsage {
  const promptTokens = fields.promptTokens ?? 0;
  const completionTokens = fields.completionTokens ?? 0;
  const none = { cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 };
  return { promptTokens, completionTokens, totalTokens: promptTokens + completionTokens, ...none, ...fields };
}

function deployment(fields: Partial<PricedDeployment>): PricedDeployment {
  return { id: "d", upstreamModel: "m", priceList: null, prices: {}, ...fields };
}

function cost(of: PricedDeployment, used: TokenUsage): bigint | null {
  const rates = createPriceBook(() => NOW).ratesFor(of);
  return rates && costOf(used, applyRates(rates, used.promptTokens));
}

const LISTED = { upstreamModel: "gpt-4o-mini", priceList: "openai" };

test.each<[string, PricedDeployment, Partial<TokenUsage>, bigint | null]>([
  [
    "gpt-4o-mini: $0.15 and $0.60 per million",
    deployment(LISTED),
    { promptTokens: 1000, completionTokens: 500 },
    450_000n,
  ],
  [
    "gpt-4o-mini: cached tokens at half",
    deployment(LISTED),
    { promptTokens: 1000, cachedTokens: 400 },
    120_000n,
  ],
  [
    "reasoning tokens are part of the completion, not added to it",
    deployment(LISTED),
    { completionTokens: 100, reasoningTokens: 60 },
    60_000n,
  ],
  [
    "the deployment's own price wins",
    deployment({ ...LISTED, prices: { input: "1e-6", output: 0.000002 } }),
    { promptTokens: 3, completionTokens: 5 },
    13_000n,
  ],
  [
    "a missing cached-token price is the input price, not free",
    deployment({ prices: { input: 1e-6, output: 1e-6 } }),
    { promptTokens: 10, cachedTokens: 10 },
    10_000n,
  ],
  [
    "own cached, written and reasoning prices",
    deployment({ prices: { input: 1e-6, output: 1e-6, cacheRead: 1e-7, cacheWrite: 2e-6, reasoning: 3e-6 } }),
    { promptTokens: 10, cachedTokens: 4, cacheWriteTokens: 3, completionTokens: 5, reasoningTokens: 2 },
    18_400n,
  ],
  ["a price of zero is a price", deployment({ prices: { input: 0, output: 0 } }), { promptTokens: 10 }, 0n],
  [
    "an input price alone makes output free",
    deployment({ prices: { input: 1e-6 } }),
    { promptTokens: 1, completionTokens: 9 },
    1000n,
  ],
  ["half a nano-dollar is rounded up", deployment({ prices: { input: 5e-10 } }), { promptTokens: 1 }, 1n],
  ["less than half is rounded down", deployment({ prices: { input: 4.99e-10 } }), { promptTokens: 1 }, 0n],
  [
    "a model nobody knows",
    deployment({ upstreamModel: "nobody-knows-me", priceList: "openai" }),
    { promptTokens: 1 },
    null,
  ],
  ["a provider without a list", deployment({}), { promptTokens: 1 }, null],
  [
    "a long prompt is billed whole at the higher tier",
    deployment({ upstreamModel: "gemini-2.5-pro", priceList: "google" }),
    { promptTokens: 200_001, completionTokens: 1 },
    500_017_500n,
  ],
  [
    "a prompt at the border is not",
    deployment({ upstreamModel: "gemini-2.5-pro", priceList: "google" }),
    { promptTokens: 200_000, completionTokens: 1 },
    250_010_000n,
  ],
  [
    "details that exceed the whole are cut to it",
    deployment({ prices: { input: 1e-6, output: 1e-6, cacheRead: 0, reasoning: 0 } }),
    { promptTokens: 5, cachedTokens: 50, completionTokens: 2, reasoningTokens: 9 },
    0n,
  ],
])("%s", (_what, of, used, expected) => {
  expect(cost(of, usage(used))).toBe(expected);
});

test("the sum is rounded once, against exact fractions", () => {
  const count = fc.nat({ max: 2_000_000 });
  // Rates as whole pico-USD, so that the reference can calculate in integers of its own.
  const rate = fc.nat({ max: 100_000_000 });
  const counts = fc.record({ prompt: count, cached: count, completion: count, reasoning: count });
  const rates = fc.record({ input: rate, output: rate, cacheRead: rate, reasoning: rate });
  fc.assert(
    fc.property(counts, rates, (tokens, pico) => {
      const used = usage({
        promptTokens: tokens.prompt + tokens.cached,
        cachedTokens: tokens.cached,
        completionTokens: tokens.completion + tokens.reasoning,
        reasoningTokens: tokens.reasoning,
      });
      const usd = (value: number): string => `${value}e-12`;
      const prices = {
        input: usd(pico.input),
        output: usd(pico.output),
        cacheRead: usd(pico.cacheRead),
        reasoning: usd(pico.reasoning),
      };
      const exactPico =
        BigInt(tokens.prompt) * BigInt(pico.input) +
        BigInt(tokens.cached) * BigInt(pico.cacheRead) +
        BigInt(tokens.completion) * BigInt(pico.output) +
        BigInt(tokens.reasoning) * BigInt(pico.reasoning);
      const remainder = exactPico % 1000n;
      const expected = exactPico / 1000n + (remainder >= 500n ? 1n : 0n);
      expect(cost(deployment({ prices }), used)).toBe(expected);
    }),
  );
});

test("prices of the list are looked up again after a minute, not at every call", () => {
  let now = NOW;
  const book = createPriceBook(() => now);
  const first = book.ratesFor(deployment(LISTED));
  now += 59_000;
  expect(book.ratesFor(deployment(LISTED))).toBe(first);
  now += 2000;
  expect(book.ratesFor(deployment(LISTED))).not.toBe(first);
  expect(book.ratesFor(deployment(LISTED))).toEqual(first);
});
