import { createIds } from "../../../src/lib/ids.ts";
import { hashApiKey } from "../../../src/lib/secrets.ts";
import type { Charge } from "../../../src/spend/charge.ts";
import { createDailyStore } from "../../../src/spend/daily-store.ts";
import { createLedgerStore } from "../../../src/spend/ledger-store.ts";
import { planBatch } from "../../../src/spend/plan-batch.ts";
import { connectStore, type Store } from "../../../src/store/connect.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../../../src/webhooks/event-body.ts";
import { LEDGER_OPTIONS } from "../../support/ledger-parts.ts";

const DAY_MS = 86_400_000;
const newId = createIds();

/** A model as the past used it: its price, and how much of all spend goes to it. */
export interface PastModel {
  readonly name: string;
  readonly upstream: string;
  readonly weight: number;
  /** USD per million tokens. */
  readonly input: number;
  readonly output: number;
}

export interface PastCustomer {
  readonly id: string;
  /** About what a day costs, USD. */
  readonly usdPerDay: number;
  readonly callsPerDay: number;
}

export interface Past {
  readonly days: number;
  readonly models: readonly PastModel[];
  readonly customers: readonly PastCustomer[];
}

/** Numbers from 0 to 1 that are the same every time. */
export function steadyRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Charges as if they had been made on the days before today, through the ledger's own code, so that every
 * total, period and budget event is what it would be. Nothing of it is delivered to anyone.
 */
export async function writeHistory(mongodbUrl: string, past: Past, now: Date): Promise<void> {
  const store = connectStore({ url: mongodbUrl, appName: "history" });
  try {
    const ledger = createLedgerStore(store, LEDGER_OPTIONS, "history");
    const random = steadyRandom(7);
    for (let back = past.days; back >= 0; back--) {
      const noon = new Date(now.getTime() - back * DAY_MS);
      const charges = past.customers.flatMap((customer) => dayOf(customer, { past, noon, random, back }));
      charges.sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
      const ids = [...new Set(charges.map((charge) => charge.customerId))];
      await ledger.commit(ids, (before) => planBatch(charges, before, PLANNER, noon));
    }
    await ageCustomers(store, past, now);
  } finally {
    await store.close();
  }
}

const PLANNER = {
  endpointsFor: () => [],
  gathers: () => false,
  keepDeliveriesMs: DAY_MS,
  serializeCharge: serializeSpendTracked,
  serializeBudget: serializeBudgetEvent,
};

interface On {
  readonly past: Past;
  readonly noon: Date;
  readonly random: () => number;
  readonly back: number;
}

function dayOf({ id, usdPerDay, callsPerDay }: PastCustomer, { past, noon, random, back }: On): Charge[] {
  const isWeekend = [0, 6].includes(noon.getUTCDay());
  const growth = 1.25 - (0.5 * back) / past.days;
  const busy = (isWeekend ? 0.35 : 1) * growth * (0.7 + 0.6 * random());
  const calls = Math.max(1, Math.round(callsPerDay * busy));
  return Array.from({ length: calls }, (_, index) => {
    const model = pick(past.models, random());
    const usd = ((usdPerDay * busy) / calls) * (0.5 + random());
    const prompt = Math.max(1, Math.round((usd * 0.6 * 1e6) / model.input));
    const completion = Math.max(1, Math.round((usd * 0.4 * 1e6) / model.output));
    const occurredAt = new Date(
      noon.getTime() - Math.round((1 - (index + 1) / calls) * 9 * 3_600_000) - 5000,
    );
    return chargeOf({ id, model, prompt, completion, occurredAt });
  });
}

function pick(models: readonly PastModel[], at: number): PastModel {
  const sum = models.reduce((total, { weight }) => total + weight, 0);
  let rest = at * sum;
  for (const model of models) {
    rest -= model.weight;
    if (rest < 0) return model;
  }
  return models[0]!;
}

function chargeOf(call: {
  id: string;
  model: PastModel;
  prompt: number;
  completion: number;
  occurredAt: Date;
}): Charge {
  const { id, model, prompt, completion, occurredAt } = call;
  const picoIn = BigInt(Math.round(model.input * 1e6));
  const picoOut = BigInt(Math.round(model.output * 1e6));
  return {
    requestId: newId("req"),
    customerId: id,
    occurredAt,
    costNano: (BigInt(prompt) * picoIn + BigInt(completion) * picoOut + 500n) / 1000n,
    rates: {
      source: "genai-prices",
      input: picoIn,
      output: picoOut,
      cacheRead: picoIn,
      cacheWrite: picoIn,
      reasoning: picoOut,
    },
    model: model.name,
    deploymentId: model.name,
    upstreamModel: model.upstream,
    usage: {
      promptTokens: prompt,
      completionTokens: completion,
      totalTokens: prompt + completion,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
    },
    estimated: false,
    keyHash: hashApiKey("history"),
  };
}

/** Customers have been there since the first day, not since this was written. */
async function ageCustomers(store: Store, past: Past, now: Date): Promise<void> {
  const ids = past.customers.map(({ id }) => id);
  const createdAt = new Date(now.getTime() - (past.days + 3) * DAY_MS);
  await store.collections.customers.updateMany({ _id: { $in: ids } }, { $set: { createdAt } });
  const day = now.toISOString().slice(0, 10);
  await createDailyStore(store).addRefusals([
    { day, code: "budget_exceeded", calls: 214n, usdNano: 18_420_000_000n },
    { day, code: "rate_limited", calls: 37n, usdNano: 0n },
    { day, code: "customer_blocked", calls: 9n, usdNano: 0n },
  ]);
}
