import { type ClientSession, MongoError, MongoServerError } from "mongodb";
import type { Collections, Store } from "../store/connect.ts";
import type { CustomerDoc, EventDoc } from "../store/documents.ts";
import type { Charge, ChargeTotals } from "./charge.ts";
import { type BatchPlan, eventIdOf } from "./plan-batch.ts";

type Before = Pick<CustomerDoc, "_id" | "spendNano" | "lifetimeSpendNano" | "sequence">;

/** Plans the writes once the transaction has read its customers. */
export type PlanWrites = (before: ReadonlyMap<string, Before>) => BatchPlan;

/** Why a ledger transaction did not happen, in the words the retry loop needs. */
export type CommitFailure = "duplicate" | "conflict" | "unavailable" | "rejected";

export interface LedgerStore {
  /** One transaction: all of the plan's writes or none. */
  commit(customerIds: readonly string[], plan: PlanWrites): Promise<BatchPlan>;
  /** Totals recorded by charges that are already in the ledger, by request id. */
  findCommitted(charges: readonly Charge[]): Promise<Map<string, ChargeTotals>>;
  /** The ledger row of one request; null when it was not charged. */
  findRow(requestId: string): Promise<EventDoc | null>;
}

const DUPLICATE_KEY = 11000;

export function createLedgerStore(store: Store): LedgerStore {
  const { customers, events } = store.collections;

  return {
    commit: async (customerIds, plan) => {
      const session = store.client.startSession();
      try {
        session.startTransaction({
          readConcern: { level: "snapshot" },
          writeConcern: { w: "majority", journal: true },
        });
        const found = await customers
          .find<Before>(
            { _id: { $in: [...customerIds] } },
            { session, projection: { spendNano: 1, lifetimeSpendNano: 1, sequence: 1 } },
          )
          .toArray();
        const planned = plan(new Map(found.map((customer) => [customer._id, customer])));
        await writePlan(store.collections, planned, session);
        await session.commitTransaction();
        return planned;
      } catch (error) {
        await abandon(session);
        throw error;
      } finally {
        await session.endSession();
      }
    },

    findRow: (requestId) => events.findOne({ _id: eventIdOf(requestId) }),

    findCommitted: async (charges) => {
      const rows = await events
        .find({ _id: { $in: charges.map((charge) => eventIdOf(charge.requestId)) } })
        .toArray();
      return new Map(
        rows.map((row) => [
          row.requestId,
          { spendNano: row.spendAfterNano, lifetimeSpendNano: row.lifetimeAfterNano, sequence: row.sequence },
        ]),
      );
    },
  };
}

async function writePlan(collections: Collections, plan: BatchPlan, session: ClientSession): Promise<void> {
  const { customers, events, deliveries, dailySpend } = collections;
  const now = new Date();
  await customers.bulkWrite(
    plan.customers.map((increment) => ({
      updateOne: {
        filter: { _id: increment.customerId },
        update: {
          $inc: {
            spendNano: increment.spendNano,
            lifetimeSpendNano: increment.spendNano,
            sequence: increment.sequence,
          },
          $max: { lastCallAt: increment.lastCallAt },
          $set: { updatedAt: now },
          $setOnInsert: newCustomerFields(now),
        },
        upsert: true,
      },
    })),
    { session, ordered: false },
  );
  await events.insertMany([...plan.events], { session, ordered: false });
  if (plan.deliveries.length > 0) {
    await deliveries.insertMany([...plan.deliveries], { session, ordered: false });
  }
  await dailySpend.bulkWrite(
    plan.daily.map(({ _id, day, customerId, model, keyHash, ...counts }) => ({
      updateOne: {
        filter: { _id },
        update: { $inc: counts, $setOnInsert: { day, customerId, model, keyHash } },
        upsert: true,
      },
    })),
    { session, ordered: false },
  );
}

/** Named by what to do about it. Anything unknown about the outcome is `unavailable`: ids make a repeat safe. */
export function classifyCommitFailure(error: unknown): CommitFailure {
  if (!(error instanceof MongoError)) return "rejected";
  if (error.code === DUPLICATE_KEY) return "duplicate";
  if (error.hasErrorLabel("UnknownTransactionCommitResult")) return "unavailable";
  if (error instanceof MongoServerError) {
    return error.hasErrorLabel("TransientTransactionError") ? "conflict" : "rejected";
  }
  return "unavailable";
}

async function abandon(session: ClientSession): Promise<void> {
  try {
    if (session.inTransaction()) await session.abortTransaction();
  } catch {
    // The failure that brought us here is the one to report; the server ends the transaction by itself.
  }
}

function newCustomerFields(
  now: Date,
): Omit<CustomerDoc, "_id" | "spendNano" | "lifetimeSpendNano" | "sequence" | "lastCallAt" | "updatedAt"> {
  return {
    alias: null,
    blocked: false,
    models: [],
    budgetId: null,
    defaultModel: null,
    allowedModelRegion: null,
    periodStart: null,
    periodEnd: null,
    createdAt: now,
  };
}
