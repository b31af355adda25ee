import { errorFields, type Log } from "../lib/log.ts";
import type { NewId } from "../lib/ids.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import { NEW_ACCOUNT, reviewAccount } from "./account.ts";
import { classifyCommitFailure, type LedgerStore } from "./ledger-store.ts";
import {
  type AccountWrite,
  type BatchPlan,
  budgetEvent,
  type EventPlanner,
  planDeliveries,
  type Standing,
} from "./plan-batch.ts";

export interface ReviewDeps {
  readonly store: Pick<LedgerStore, "commit" | "findDue">;
  readonly planner: EventPlanner;
  readonly newId: NewId;
  readonly now: () => Date;
  /** Told the new deliveries after each transaction; must not throw. */
  readonly announce: (deliveries: readonly DeliveryDoc[]) => void;
  readonly log: Log;
}

export const REVIEW_INTERVAL_MS = 1000;
/** Customers of one transaction: calls that are charged meanwhile wait for it. */
const PAGE = 100;

/**
 * Tells what nobody's call has told: periods that have ended, and limits that a change has put on the other
 * side of a customer's spend. Resolves with how many accounts it looked at. Safe in several processes at
 * once: the account and its events change in one transaction.
 */
export async function reviewAccounts(deps: ReviewDeps): Promise<number> {
  let reviewed = 0;
  for (;;) {
    const due = await deps.store.findDue(deps.now(), PAGE);
    const done = due.length === 0 ? 0 : await reviewPage(deps, due);
    reviewed += done;
    // What fails is still due, and would be found again at once.
    if (due.length < PAGE || done < due.length) return reviewed;
  }
}

/**
 * One transaction for all. Where that conflicts with calls that are being charged, or the store refuses one of
 * them, one for each, so that none holds up the others. Resolves with how many were done.
 */
async function reviewPage(deps: ReviewDeps, customerIds: readonly string[]): Promise<number> {
  try {
    await commitReview(deps, customerIds);
    return customerIds.length;
  } catch (error) {
    if (classifyCommitFailure(error) === "unavailable") throw error;
  }
  let done = 0;
  for (const id of customerIds) {
    try {
      await commitReview(deps, [id]);
      done++;
    } catch (error) {
      const isConflict = classifyCommitFailure(error) === "conflict";
      deps.log[isConflict ? "debug" : "error"]({ customerId: id, ...errorFields(error) }, "review.failed");
    }
  }
  return done;
}

async function commitReview(deps: ReviewDeps, customerIds: readonly string[]): Promise<void> {
  const plan = await deps.store.commit(customerIds, (before) => planReview(deps, before));
  deps.announce(plan.deliveries);
}

function planReview(deps: ReviewDeps, before: ReadonlyMap<string, Standing>): BatchPlan {
  const now = deps.now();
  const customers: AccountWrite[] = [];
  const events = [...before].flatMap(([customerId, { account: known, terms }]) => {
    const { account, facts } = reviewAccount(known ?? NEW_ACCOUNT, terms, now);
    customers.push({ customerId, account, terms, lastCallAt: null });
    return facts.map((fact) => {
      const news = { id: deps.newId("evt"), customerId, at: now, fact, account, terms };
      return budgetEvent({ ...news, requestId: null, keyHash: null }, deps.planner, now);
    });
  });
  const deliveries = events.flatMap((event) => planDeliveries(event, deps.planner, now));
  return { customers, events, deliveries, daily: [], totals: [] };
}
