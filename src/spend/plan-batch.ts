import { childId } from "../lib/ids.ts";
import type {
  AccountDoc,
  BudgetEventDoc,
  ChargeEventDoc,
  DailySpendDoc,
  EventDoc,
} from "../store/documents.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import { type Account, addCharge, type BudgetFact, NEW_ACCOUNT } from "./account.ts";
import type { BudgetTerms } from "./budget-terms.ts";
import type { Charge, ChargeTotals } from "./charge.ts";

/** A budget event and all that its text tells. */
export interface BudgetNews {
  readonly id: string;
  readonly customerId: string;
  readonly at: Date;
  readonly fact: BudgetFact;
  readonly account: Account;
  readonly terms: BudgetTerms | null;
  /** The charge that brought it about, where one did. */
  readonly requestId: string | null;
  readonly keyHash: string | null;
}

/** What a spend_tracked event tells beyond its charge. */
export interface ChargeNews {
  readonly id: string;
  readonly charge: Charge;
  readonly account: Account;
  readonly terms: BudgetTerms | null;
}

/** The facts about events that the ledger asks of whoever owns them. */
export interface EventPlanner {
  /** An event's text, serialised once: these bytes are signed and sent on every attempt. */
  serializeCharge(news: ChargeNews): string;
  serializeBudget(news: BudgetNews): string;
  /** Ids of the endpoints that want this type of a customer's events. */
  endpointsFor(customerId: string, type: EventDoc["type"]): readonly string[];
  /** True where charges are told together instead of one by one. */
  gathers(endpointId: string): boolean;
  /** How long deliveries are kept. */
  readonly keepDeliveriesMs: number;
}

/** A customer as it stands inside the transaction; null = not known yet. */
export interface Standing {
  readonly account: Account | null;
  readonly terms: BudgetTerms | null;
}

/** What a customer's document becomes. */
export interface AccountWrite {
  readonly customerId: string;
  readonly account: AccountDoc;
  readonly terms: BudgetTerms | null;
  /** Null: no call, only a review. */
  readonly lastCallAt: Date | null;
}

/** Every write of one ledger transaction. */
export interface BatchPlan {
  readonly customers: readonly AccountWrite[];
  readonly events: readonly EventDoc[];
  readonly deliveries: readonly DeliveryDoc[];
  readonly daily: readonly DailySpendDoc[];
  /** Where each charge left its customer, in the order of the charges. */
  readonly totals: readonly ChargeTotals[];
}

const UNKNOWN: Standing = { account: null, terms: null };

/**
 * Plans one ledger transaction from its charges (each request id at most once) and the customers as they
 * stand inside that transaction. Pure: the same input gives the same writes, so a retry is a repetition.
 */
export function planBatch(
  charges: readonly Charge[],
  before: ReadonlyMap<string, Standing>,
  planner: EventPlanner,
  now: Date,
): BatchPlan {
  const customers = new Map<string, AccountWrite>();
  const daily = new Map<string, DailySpendDoc>();
  const events: EventDoc[] = [];
  const totals: ChargeTotals[] = [];
  for (const charge of charges) {
    const { customerId } = charge;
    const { account: known, terms } = before.get(customerId) ?? UNKNOWN;
    const written = customers.get(customerId);
    const change = addCharge(written?.account ?? known ?? NEW_ACCOUNT, charge, terms, now);
    const { account } = change;
    const earlier = written?.lastCallAt ?? null;
    const lastCallAt = earlier !== null && earlier > charge.occurredAt ? earlier : charge.occurredAt;
    customers.set(customerId, { customerId, account, terms, lastCallAt });
    totals.push(totalsOf(account));
    const day = charge.occurredAt.toISOString().slice(0, 10);
    addDaily(daily, charge, day);
    const id = eventIdOf(charge.requestId);
    const endpointIds = [...planner.endpointsFor(customerId, "spend_tracked")];
    const news = { id, charge, account, terms };
    events.push(chargeEvent(news, { late: change.late, day, endpointIds, planner, now }));
    change.facts.forEach((fact, index) => {
      const { requestId, keyHash } = charge;
      const budgetNews = { id: `${id}_${index + 1}`, customerId, at: now, fact, account, terms };
      events.push(budgetEvent({ ...budgetNews, requestId, keyHash }, planner, now));
    });
  }
  const deliveries = events.flatMap((event) => planDeliveries(event, planner, now));
  return { customers: [...customers.values()], events, deliveries, daily: [...daily.values()], totals };
}

function totalsOf(account: Account): ChargeTotals {
  return {
    spendNano: account.spendNano,
    lifetimeSpendNano: account.lifetimeSpendNano,
    sequence: account.sequence,
  };
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
    unpricedCalls: (known?.unpricedCalls ?? 0n) + (charge.rates === null ? 1n : 0n),
  });
}

function chargeEvent(
  news: ChargeNews,
  more: { late: boolean; day: string; endpointIds: string[]; planner: EventPlanner; now: Date },
): ChargeEventDoc {
  const { id, charge, account } = news;
  return {
    _id: id,
    type: "spend_tracked",
    customerId: charge.customerId,
    sequence: account.sequence,
    requestId: charge.requestId,
    costNano: charge.costNano,
    spendAfterNano: account.spendNano,
    lifetimeAfterNano: account.lifetimeSpendNano,
    late: more.late,
    rates: charge.rates,
    model: charge.model,
    deploymentId: charge.deploymentId,
    upstreamModel: charge.upstreamModel,
    usage: { ...charge.usage },
    estimated: charge.estimated,
    unpriced: charge.rates === null,
    keyHash: charge.keyHash,
    day: more.day,
    body: more.planner.serializeCharge(news),
    endpointIds: more.endpointIds,
    deliveriesUntil: keptUntil(more.planner, more.now),
    createdAt: more.now,
  };
}

/** One budget event, ready to be inserted. */
export function budgetEvent(news: BudgetNews, planner: EventPlanner, now: Date): BudgetEventDoc {
  return {
    _id: news.id,
    type: news.fact.type,
    customerId: news.customerId,
    body: planner.serializeBudget(news),
    endpointIds: [...planner.endpointsFor(news.customerId, news.fact.type)],
    deliveriesUntil: keptUntil(planner, now),
    createdAt: now,
  };
}

/** One delivery for each endpoint that wants the event. */
export function planDeliveries(
  event: EventDoc,
  planner: Pick<EventPlanner, "gathers">,
  now: Date,
): DeliveryDoc[] {
  return event.endpointIds.map((endpointId) => {
    const gathers = event.type === "spend_tracked" && planner.gathers(endpointId);
    return newDelivery(event, { endpointId, state: gathers ? "gathering" : "pending", now });
  });
}

/** A delivery as it begins. */
export function newDelivery(
  event: Pick<EventDoc, "_id" | "customerId" | "type" | "deliveriesUntil">,
  of: { readonly endpointId: string; readonly state: "pending" | "gathering"; readonly now: Date },
): DeliveryDoc {
  return {
    _id: deliveryIdOf(event._id, of.endpointId),
    eventId: event._id,
    endpointId: of.endpointId,
    customerId: event.customerId,
    type: event.type,
    state: of.state,
    dueAt: of.now,
    attempts: [],
    lease: null,
    resends: 0,
    afterResends: null,
    batchId: null,
    createdAt: of.now,
    finishedAt: null,
    expiresAt: event.deliveriesUntil,
  };
}

function keptUntil({ keepDeliveriesMs }: EventPlanner, now: Date): Date {
  return new Date(now.getTime() + keepDeliveriesMs);
}

/** The ledger row's id: `evt_` and the request id's own part. */
export function eventIdOf(requestId: string): string {
  return childId("evt", requestId);
}

/** One delivery per event and endpoint, by construction. */
export function deliveryIdOf(eventId: string, endpointId: string): string {
  return `${childId("dlv", eventId)}_${endpointId}`;
}
