import { childId } from "../lib/ids.ts";
import type { CustomerDoc, DailySpendDoc, DeliveryDoc, EventDoc } from "../store/documents.ts";
import type { Charge, ChargeTotals } from "./charge.ts";

/** The two facts about events that the ledger asks of whoever owns them. */
export interface EventPlanner {
  /** The event's text, serialised once: these bytes are signed and sent on every attempt. */
  serialize(event: { id: string; charge: Charge; totals: ChargeTotals }): string;
  /** Ids of the endpoints that want a customer's spend_tracked events. */
  endpointsFor(customerId: string): readonly string[];
}

export interface CustomerIncrement {
  readonly customerId: string;
  readonly spendNano: bigint;
  readonly sequence: bigint;
  readonly lastCallAt: Date;
}

/** Every write of one ledger transaction. */
export interface BatchPlan {
  readonly customers: readonly CustomerIncrement[];
  readonly events: readonly EventDoc[];
  readonly deliveries: readonly DeliveryDoc[];
  readonly daily: readonly DailySpendDoc[];
  /** Totals after each charge, in the order of the charges. */
  readonly totals: readonly ChargeTotals[];
}

type Before = Pick<CustomerDoc, "spendNano" | "lifetimeSpendNano" | "sequence">;

const NOBODY: Before = { spendNano: 0n, lifetimeSpendNano: 0n, sequence: 0n };

/**
 * Plans one ledger transaction from its charges (each request id at most once) and the customers as they
 * stand inside that transaction. Pure: the same input gives the same writes, so a retry is a repetition.
 */
export function planBatch(
  charges: readonly Charge[],
  before: ReadonlyMap<string, Before>,
  planner: EventPlanner,
  now: Date,
): BatchPlan {
  const running = new Map<string, Before>();
  const customers = new Map<string, CustomerIncrement>();
  const daily = new Map<string, DailySpendDoc>();
  const events: EventDoc[] = [];
  const deliveries: DeliveryDoc[] = [];
  const totals: ChargeTotals[] = [];
  for (const charge of charges) {
    const start = running.get(charge.customerId) ?? before.get(charge.customerId) ?? NOBODY;
    const after: ChargeTotals = {
      spendNano: start.spendNano + charge.costNano,
      lifetimeSpendNano: start.lifetimeSpendNano + charge.costNano,
      sequence: start.sequence + 1n,
    };
    running.set(charge.customerId, after);
    totals.push(after);
    addIncrement(customers, charge);
    const day = charge.occurredAt.toISOString().slice(0, 10);
    addDaily(daily, charge, day);
    const event = planEvent({ charge, totals: after, day, planner, now });
    events.push(event);
    for (const endpointId of event.endpointIds) deliveries.push(planDelivery(event, endpointId, now));
  }
  return { customers: [...customers.values()], events, deliveries, daily: [...daily.values()], totals };
}

function addIncrement(customers: Map<string, CustomerIncrement>, charge: Charge): void {
  const known = customers.get(charge.customerId);
  const earlier = known === undefined || charge.occurredAt > known.lastCallAt;
  customers.set(charge.customerId, {
    customerId: charge.customerId,
    spendNano: (known?.spendNano ?? 0n) + charge.costNano,
    sequence: (known?.sequence ?? 0n) + 1n,
    lastCallAt: earlier ? charge.occurredAt : known.lastCallAt,
  });
}

function addDaily(daily: Map<string, DailySpendDoc>, charge: Charge, day: string): void {
  const { customerId, model, keyHash, usage } = charge;
  const _id = JSON.stringify([day, customerId, model, keyHash]);
  const known = daily.get(_id);
  daily.set(_id, {
    _id,
    day,
    customerId,
    model,
    keyHash,
    costNano: (known?.costNano ?? 0n) + charge.costNano,
    calls: (known?.calls ?? 0n) + 1n,
    promptTokens: (known?.promptTokens ?? 0n) + BigInt(usage.promptTokens),
    completionTokens: (known?.completionTokens ?? 0n) + BigInt(usage.completionTokens),
    cachedTokens: (known?.cachedTokens ?? 0n) + BigInt(usage.cachedTokens),
  });
}

function planEvent(input: {
  charge: Charge;
  totals: ChargeTotals;
  day: string;
  planner: EventPlanner;
  now: Date;
}): EventDoc {
  const { charge, totals, planner } = input;
  const id = eventIdOf(charge.requestId);
  return {
    _id: id,
    type: "spend_tracked",
    customerId: charge.customerId,
    sequence: totals.sequence,
    requestId: charge.requestId,
    costNano: charge.costNano,
    spendAfterNano: totals.spendNano,
    lifetimeAfterNano: totals.lifetimeSpendNano,
    rates: charge.rates,
    model: charge.model,
    deploymentId: charge.deploymentId,
    upstreamModel: charge.upstreamModel,
    usage: { ...charge.usage },
    estimated: charge.estimated,
    unpriced: charge.rates === null,
    keyHash: charge.keyHash,
    day: input.day,
    body: planner.serialize({ id, charge, totals }),
    endpointIds: [...planner.endpointsFor(charge.customerId)],
    createdAt: input.now,
  };
}

function planDelivery(event: EventDoc, endpointId: string, now: Date): DeliveryDoc {
  return {
    _id: deliveryIdOf(event._id, endpointId),
    eventId: event._id,
    endpointId,
    customerId: event.customerId,
    type: event.type,
    state: "pending",
    dueAt: now,
    attempts: [],
    lease: null,
    createdAt: now,
    finishedAt: null,
  };
}

/** The ledger row's id: `evt_` and the request id's own part. */
export function eventIdOf(requestId: string): string {
  return childId("evt", requestId);
}

/** One delivery per event and endpoint, by construction. */
export function deliveryIdOf(eventId: string, endpointId: string): string {
  return `${childId("dlv", eventId)}_${endpointId}`;
}
