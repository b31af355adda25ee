import type { TokenUsage } from "../lib/token-usage.ts";
import type { Charge } from "../spend/charge.ts";
import { type AppliedRates, costOf } from "../spend/rates.ts";
import type { MadeUpCustomer } from "./made-up-customers.ts";
import { type Random, seededRequestId } from "./random.ts";

interface Model {
  readonly name: string;
  readonly rates: AppliedRates | null;
  /** Of a hundred calls. */
  readonly share: number;
}

/** Pico-USD per token of one USD per million tokens. */
const PICO_PER_TOKEN = 1e6;

const MODELS: readonly Model[] = [
  { name: "gpt-4o", rates: perMillion(2.5, 10, 1.25), share: 42 },
  { name: "gpt-4o-mini", rates: perMillion(0.15, 0.6, 0.075), share: 22 },
  { name: "claude-sonnet", rates: perMillion(3, 15, 0.3), share: 20 },
  { name: "mistral", rates: perMillion(0.1, 0.3, 0.1), share: 14 },
  { name: "local-llama", rates: null, share: 2 },
];

function perMillion(input: number, output: number, cached: number): AppliedRates {
  const pico = (usd: number): bigint => BigInt(Math.round(usd * PICO_PER_TOKEN));
  return {
    source: "deployment",
    input: pico(input),
    output: pico(output),
    cacheRead: pico(cached),
    cacheWrite: pico(input),
    reasoning: pico(output),
  };
}

/** About what a call costs on average, USD. */
export const MEAN_CALL_USD = 0.0144;

const HOUR_MS = 3_600_000;

/** The instants of all calls in order: more by day than by night and on weekdays, and slowly growing. */
export function* callTimes(
  random: Random,
  { count, startsAt, endsAt }: { count: number; startsAt: Date; endsAt: Date },
): Generator<Date> {
  const hours = Math.ceil((endsAt.getTime() - startsAt.getTime()) / HOUR_MS);
  const weights = Array.from({ length: hours }, (_, hour) => {
    const at = new Date(startsAt.getTime() + hour * HOUR_MS);
    const byHour = 1 + 0.8 * Math.sin(((at.getUTCHours() - 8) / 24) * 2 * Math.PI);
    const byDay = [0, 6].includes(at.getUTCDay()) ? 0.55 : 1;
    return byHour * byDay * (0.8 + (0.4 * hour) / hours);
  });
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let made = 0;
  for (const [hour, weight] of weights.entries()) {
    passed += weight;
    const due = hour === hours - 1 ? count : Math.round((count * passed) / whole);
    const from = startsAt.getTime() + hour * HOUR_MS;
    const length = Math.min(HOUR_MS, endsAt.getTime() - from);
    const offsets = Array.from({ length: due - made }, () => random.next() * length);
    for (const offset of offsets.sort((a, b) => a - b)) yield new Date(from + offset);
    made = due;
  }
}

/** Rank 0 calls the most: of all calls, the first n of N customers make the cube root of n/N. */
export function pickRank(random: Random, customers: number): number {
  return Math.floor(customers * random.next() ** 3);
}

/** The share of all calls that a rank makes. */
export function shareOf(rank: number, customers: number): number {
  return Math.cbrt((rank + 1) / customers) - Math.cbrt(rank / customers);
}

export function madeUpCharge(
  random: Random,
  customer: MadeUpCustomer,
  { at, keyHash }: { at: Date; keyHash: string },
): Charge {
  const model = pickModel(random);
  const usage = madeUpUsage(random);
  return {
    requestId: seededRequestId(random, at),
    customerId: customer.id,
    occurredAt: at,
    costNano: model.rates === null ? 0n : costOf(usage, model.rates),
    rates: model.rates,
    model: model.name,
    deploymentId: `seed-${model.name}`,
    upstreamModel: model.name,
    usage,
    estimated: random.next() < 0.01,
    keyHash,
  };
}

function pickModel(random: Random): Model {
  let left = random.below(100);
  for (const model of MODELS) {
    left -= model.share;
    if (left < 0) return model;
  }
  return random.pick(MODELS);
}

/** Short prompts mostly, and now and then a very long one. */
function madeUpUsage(random: Random): TokenUsage {
  const promptTokens = 40 + Math.floor(16_000 * random.next() ** 2);
  const completionTokens = 5 + Math.floor(2400 * random.next() ** 2);
  const cachedTokens = random.next() < 0.3 ? Math.floor(promptTokens / 2) : 0;
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
}
