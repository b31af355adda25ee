import { type ClientSession, MongoError, MongoServerError } from "mongodb";
import type { Collections, Store } from "../store/connect.ts";
import { isStoreAway, isStoreFull } from "../store/store-failure.ts";
import {
  insertsInto,
  type UpdateOne,
  updatesOf,
  type Write,
  WriteRefusedError,
  writeTogether,
} from "../store/write-together.ts";
import type { AccountDoc, ChargeEventDoc, CustomerDoc, DailySpendDoc } from "../store/documents.ts";
import { type BudgetTerms, type TermsDefaults, termsOf } from "./budget-terms.ts";
import type { Charge, ChargeTotals } from "./charge.ts";
import { dailyTotalUpdates } from "./daily-totals.ts";
import { type AccountWrite, type BatchPlan, eventIdOf, type Standing } from "./plan-batch.ts";
import { utilizationOf } from "./utilization.ts";

/** Plans the writes once the transaction has read its customers and their budgets. */
export type PlanWrites = (before: ReadonlyMap<string, Standing>) => BatchPlan;

/** Why a ledger transaction did not happen, in the words the retry loop needs. */
export type CommitFailure = "duplicate" | "conflict" | "unavailable" | "full" | "rejected";

export interface LedgerStore {
  /** One transaction: all of the plan's writes or none. */
  commit(customerIds: readonly string[], plan: PlanWrites): Promise<BatchPlan>;
  /** Totals recorded by charges that are already in the ledger, by request id. */
  findCommitted(charges: readonly Charge[]): Promise<Map<string, ChargeTotals>>;
  /** The ledger row of one request; null when it was not charged. */
  findRow(requestId: string): Promise<ChargeEventDoc | null>;
  /** Customers whose accounts maintenance has to look at by now, the longest overdue first. */
  findDue(now: Date, limit: number): Promise<string[]>;
}

export interface LedgerStoreOptions extends TermsDefaults {
  /** The tier of customers that have none of their own. */
  readonly defaultBudgetId: string | null;
}

const DUPLICATE_KEY = 11000;
/** WriteConflict, NoSuchTransaction: another process was faster. */
const CONFLICTS: ReadonlySet<number> = new Set([112, 251]);

/** `shard` names this process in `daily_totals`; two that share one get in each other's way. */
export function createLedgerStore(store: Store, options: LedgerStoreOptions, shard = "0"): LedgerStore {
  const { customers, events } = store.collections;

  return {
    commit: async (customerIds, plan) => {
      const session = store.client.startSession();
      try {
        session.startTransaction({
          readConcern: { level: "snapshot" },
          writeConcern: { w: "majority", journal: true },
        });
        const planned = plan(await readStandings(store.collections, customerIds, options, session));
        await writeTogether(store, writesOf(store.collections, planned, shard), session);
        await session.commitTransaction();
        return planned;
      } catch (error) {
        await abandon(session);
        throw error;
      } finally {
        await session.endSession();
      }
    },

    findRow: async (requestId) => {
      const row = await events.findOne({ _id: eventIdOf(requestId) });
      return row?.type === "spend_tracked" ? row : null;
    },

    findCommitted: async (charges) => {
      const rows = await events
        .find({ _id: { $in: charges.map((charge) => eventIdOf(charge.requestId)) } })
        .toArray();
      return new Map(
        rows.flatMap((row) => (row.type === "spend_tracked" ? [[row.requestId, totalsOf(row)]] : [])),
      );
    },

    findDue: async (now, limit) => {
      const due = await customers
        .find({ reviewAt: { $lte: now } })
        .sort({ reviewAt: 1 })
        .limit(limit)
        .project<{ _id: string }>({ _id: 1 })
        .toArray();
      return due.map(({ _id }) => _id);
    },
  };
}

function totalsOf(row: ChargeEventDoc): ChargeTotals {
  return {
    spendNano: row.spendAfterNano,
    lifetimeSpendNano: row.lifetimeAfterNano,
    sequence: row.sequence,
  };
}

const STANDING_FIELDS = {
  budgetId: 1,
  deletedAt: 1,
  spendNano: 1,
  lifetimeSpendNano: 1,
  sequence: 1,
  spendFromSequence: 1,
  spendOffsetNano: 1,
  periodStart: 1,
  periodEnd: 1,
  alerts: 1,
  modelSpend: 1,
} as const;

type StandingRow = Pick<CustomerDoc, "_id" | keyof typeof STANDING_FIELDS>;

/** Customers and what their budgets mean, read in the transaction, so that a limit counts as it is now. */
async function readStandings(
  { customers, budgets }: Collections,
  customerIds: readonly string[],
  options: LedgerStoreOptions,
  session: ClientSession,
): Promise<Map<string, Standing>> {
  const found = await customers
    .find({ _id: { $in: [...customerIds] } }, { session })
    .project<StandingRow>(STANDING_FIELDS)
    .toArray();
  const rows = new Map(found.map((row) => [row._id, row]));
  const { defaultBudgetId } = options;
  const named = found.map(({ budgetId }) => budgetId);
  const tiers = [...new Set([...named, defaultBudgetId])].filter((id) => id !== null);
  const terms = new Map<string, BudgetTerms>();
  if (tiers.length > 0) {
    const docs = await budgets.find({ _id: { $in: tiers } }, { session }).toArray();
    for (const doc of docs) terms.set(doc._id, termsOf(doc, options));
  }
  const usual = (defaultBudgetId !== null && terms.get(defaultBudgetId)) || null;
  return new Map(
    customerIds.map((id) => {
      const account = rows.get(id) ?? null;
      // Who names a tier that is gone has the default one, before its document says so.
      return [id, { account, terms: terms.get(account?.budgetId ?? "") ?? usual }];
    }),
  );
}

function writesOf(
  { customers, events, deliveries, dailySpend, dailyTotals }: Collections,
  plan: BatchPlan,
  shard: string,
): Write[] {
  const now = new Date();
  return [
    ...updatesOf(
      customers,
      plan.customers.map((write) => accountUpdate(write, now)),
    ),
    ...insertsInto(events, plan.events),
    ...insertsInto(deliveries, plan.deliveries),
    ...updatesOf(dailySpend, plan.daily.map(dailyUpdate)),
    ...updatesOf(dailyTotals, dailyTotalUpdates(plan.daily, shard)),
  ];
}

function dailyUpdate({
  _id,
  day,
  customerId,
  model,
  keyHash,
  ...counts
}: DailySpendDoc): UpdateOne<DailySpendDoc> {
  return {
    filter: { _id },
    update: { $inc: counts, $setOnInsert: { day, customerId, model, keyHash } },
    upsert: true,
  };
}

/**
 * The account's new values are set, not added: the transaction has read the old ones, and conflicts with
 * whoever changes them meanwhile.
 */
function accountUpdate(
  { customerId, account, terms, lastCallAt }: AccountWrite,
  now: Date,
): UpdateOne<CustomerDoc> {
  const { spendNano, lifetimeSpendNano, sequence, spendFromSequence, spendOffsetNano } = account;
  const { periodStart, periodEnd, alerts, modelSpend } = account;
  return {
    filter: { _id: customerId },
    update: {
      $set: {
        spendNano,
        lifetimeSpendNano,
        sequence,
        spendFromSequence,
        spendOffsetNano,
        periodStart,
        periodEnd,
        alerts,
        modelSpend,
        utilization: utilizationOf(spendNano, terms?.maxNano ?? null),
        reviewAt: reviewDateOf(account),
        updatedAt: now,
        // A deleted customer who calls again is a customer again.
        ...(lastCallAt !== null && { deletedAt: null }),
      },
      ...(lastCallAt !== null && { $max: { lastCallAt } }),
      $setOnInsert: newCustomerFields(now),
    },
    upsert: lastCallAt !== null,
  };
}

/** When an account's next period ends: its own, or that of a model. */
export function reviewDateOf({ periodEnd, modelSpend }: AccountDoc): Date | null {
  return earliest([periodEnd, ...modelSpend.map((spend) => spend.periodEnd)]);
}

function earliest(dates: readonly (Date | null)[]): Date | null {
  return dates.reduce(
    (first, date) => (first === null || (date !== null && date < first) ? date : first),
    null,
  );
}

/** Named by what to do about it. Anything unknown about the outcome is `unavailable`: ids make a repeat safe. */
export function classifyCommitFailure(error: unknown): CommitFailure {
  if (error instanceof WriteRefusedError) {
    if (error.code === DUPLICATE_KEY) return "duplicate";
    if (isStoreFull(error)) return "full";
    return CONFLICTS.has(error.code) ? "conflict" : "rejected";
  }
  if (!(error instanceof MongoError)) return isStoreAway(error) ? "unavailable" : "rejected";
  if (error.code === DUPLICATE_KEY) return "duplicate";
  if (isStoreFull(error)) return "full";
  if (error.hasErrorLabel("UnknownTransactionCommitResult")) return "unavailable";
  if (error instanceof MongoServerError) {
    return error.hasErrorLabel("TransientTransactionError") ? "conflict" : "rejected";
  }
  return "unavailable";
}

/** DocumentValidationFailure, BSONObjectTooLarge, InvalidBSON. */
const CHARGE_FAULTS: ReadonlySet<unknown> = new Set([121, 10334, 22]);

/**
 * True for a refusal that is about the charge itself (it breaks a validation rule, is too large, or cannot be
 * written as BSON): it would be refused for ever. Anything else may pass, as a full disk does.
 */
export function isChargeFault(error: unknown): boolean {
  if (error instanceof WriteRefusedError || error instanceof MongoServerError) {
    return CHARGE_FAULTS.has(error.code);
  }
  return error instanceof Error && error.name.startsWith("BSON");
}

async function abandon(session: ClientSession): Promise<void> {
  try {
    if (session.inTransaction()) await session.abortTransaction();
  } catch {
    // The failure that brought us here is the one to report; the server ends the transaction by itself.
  }
}

/** What a customer is beside its account when its first call creates it. */
export function newCustomerFields(
  now: Date,
): Omit<
  CustomerDoc,
  "_id" | keyof AccountDoc | "lastCallAt" | "utilization" | "reviewAt" | "deletedAt" | "updatedAt"
> {
  return {
    alias: null,
    aliasKey: null,
    blocked: false,
    models: [],
    budgetId: null,
    defaultModel: null,
    allowedModelRegion: null,
    objectPermission: null,
    createdAt: now,
  };
}
