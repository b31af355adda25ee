import { setTimeout as delay } from "node:timers/promises";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import type { Charge, ChargeReceipt } from "./charge.ts";
import { classifyCommitFailure, type LedgerStore } from "./ledger-store.ts";
import { type AccountWrite, type EventPlanner, planBatch } from "./plan-batch.ts";

export interface CommitDeps {
  readonly store: LedgerStore;
  readonly planner: EventPlanner;
  /** Told after each transaction; must not throw. */
  readonly committed: (done: Committed) => void;
  readonly now: () => Date;
}

/** What a transaction has made durable. */
export interface Committed {
  readonly charges: readonly Charge[];
  /** Where it left each customer; empty for charges that were in the ledger already. */
  readonly accounts: readonly AccountWrite[];
  readonly deliveries: readonly DeliveryDoc[];
}

const SPLIT_AFTER_CONFLICTS = 2;

/**
 * Commits until every charge is in the store and answers in their order. Duplicates are answered from
 * the row they met; a batch that keeps conflicting with another process is split, so that one hot
 * customer does not hold up the rest. Throws what stopped it; repeating the call is always safe.
 */
export async function commitCharges(
  deps: CommitDeps,
  charges: readonly Charge[],
  deadlineMs: number,
): Promise<ChargeReceipt[]> {
  const receipts = new Map<string, ChargeReceipt>();
  let pending = [...new Map(charges.map((charge) => [charge.requestId, charge])).values()];
  for (let conflicts = 0; pending.length > 0;) {
    try {
      await commitOnce(deps, pending, receipts);
      break;
    } catch (error) {
      const failure = classifyCommitFailure(error);
      if ((failure !== "duplicate" && failure !== "conflict") || performance.now() > deadlineMs) throw error;
      if (failure === "duplicate") {
        const known = await deps.store.findCommitted(pending);
        for (const [requestId, totals] of known) receipts.set(requestId, { state: "committed", totals });
        const met = pending.filter((charge) => known.has(charge.requestId));
        deps.committed({ charges: met, accounts: [], deliveries: [] });
        pending = pending.filter((charge) => !known.has(charge.requestId));
        // None known: two processes created the same customer at once, and the next try finds it.
        if (known.size > 0) continue;
      }
      conflicts++;
      if (conflicts > SPLIT_AFTER_CONFLICTS && pending.length > 1) {
        const half = Math.ceil(pending.length / 2);
        for (const part of [pending.slice(0, half), pending.slice(half)]) {
          const done = await commitCharges(deps, part, deadlineMs);
          part.forEach((charge, index) => setReceipt(receipts, charge, done[index]));
        }
        break;
      }
      await delay(Math.random() * 5 * 2 ** Math.min(conflicts, 5));
    }
  }
  return charges.map((charge) => {
    const receipt = receipts.get(charge.requestId);
    if (receipt === undefined) throw new Error("A committed batch left a charge without a receipt");
    return receipt;
  });
}

async function commitOnce(
  deps: CommitDeps,
  charges: readonly Charge[],
  receipts: Map<string, ChargeReceipt>,
): Promise<void> {
  const customerIds = [...new Set(charges.map((charge) => charge.customerId))];
  const plan = await deps.store.commit(customerIds, (before) =>
    planBatch(charges, before, deps.planner, deps.now()),
  );
  charges.forEach((charge, index) => {
    const totals = plan.totals[index];
    setReceipt(receipts, charge, totals && { state: "committed", totals });
  });
  const { customers, deliveries } = plan;
  deps.committed({ charges, accounts: customers, deliveries });
}

function setReceipt(
  receipts: Map<string, ChargeReceipt>,
  charge: Charge,
  receipt: ChargeReceipt | undefined,
): void {
  if (receipt !== undefined) receipts.set(charge.requestId, receipt);
}
