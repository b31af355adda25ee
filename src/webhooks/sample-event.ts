import { type BudgetFact, NEW_ACCOUNT } from "../spend/account.ts";
import type { BudgetEventType } from "../store/documents.ts";
import type { EVENT_TYPES } from "./endpoint-fields.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "./event-body.ts";
import { serializeNotice } from "./notice-events.ts";

export type EventType = (typeof EVENT_TYPES)[number];

/** The customer of test events: nobody's, so that a receiver that books them does no harm. */
const CUSTOMER = "spendhook-test-customer";
const COST_NANO = 1_112_000n;
const account = { ...NEW_ACCOUNT, spendNano: COST_NANO, lifetimeSpendNano: COST_NANO, sequence: 1n };

/** An event of this type with made-up numbers, as text; its id says that it is a test. */
export function sampleEvent(type: EventType, id: string, now: Date): string {
  if (type === "spend_tracked") return sampleCharge(id, now);
  if (type === "endpoint_disabled" || type === "price_missing") {
    return serializeNotice({ id, type, message: `Test of ${type}`, facts: { test: true } }, now);
  }
  return serializeBudgetEvent({
    id,
    customerId: CUSTOMER,
    at: now,
    fact: sampleFact(type),
    account,
    terms: null,
    requestId: null,
    keyHash: null,
  });
}

function sampleFact(type: BudgetEventType): BudgetFact {
  return {
    type,
    resolved: false,
    limitNano: type === "budget_reset" ? null : COST_NANO,
    share: type === "threshold_crossed" ? 0.85 : null,
    spendNano: COST_NANO,
    projectedNano: null,
    projectedExceededAt: null,
  };
}

function sampleCharge(id: string, now: Date): string {
  return serializeSpendTracked({
    id,
    account,
    terms: null,
    charge: {
      requestId: "req_test",
      customerId: CUSTOMER,
      occurredAt: now,
      costNano: COST_NANO,
      rates: null,
      model: "test-model",
      deploymentId: "test",
      upstreamModel: "test-model",
      usage: {
        promptTokens: 24,
        completionTokens: 36,
        totalTokens: 60,
        cachedTokens: 0,
        cacheWriteTokens: 0,
        reasoningTokens: 0,
      },
      estimated: false,
      keyHash: "0".repeat(64),
    },
  });
}
