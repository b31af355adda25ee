import type { ClientSession } from "mongodb";
import type { BudgetDoc } from "../../store/documents.ts";
import { inTransaction } from "../../store/in-transaction.ts";
import { type AdminDeps, auditRow, showCustomers, showing } from "../admin.ts";
import { reviewTiers } from "../admin-budgets.ts";
import { budgetRowJson } from "../budget-json.ts";
import type { Incoming, IncomingCustomer, Skipped } from "./incoming.ts";
import type { IncomingBudget } from "./litellm-budget.ts";
import { IMPORTER, type Outcome, planBudget } from "./plan-budget.ts";
import { planCustomer, type PlannedCustomer } from "./plan-customer.ts";

export type Counts = Record<Outcome, number>;

/** What an import has done, or would do. */
export interface ImportReport {
  readonly dryRun: boolean;
  readonly budgets: Counts;
  readonly customers: Counts;
  readonly skipped: readonly Skipped[];
  readonly warnings: ReadonlyMap<string, readonly string[]>;
  /** Existing customers for whom the files have another spend than the one here, which stays. */
  readonly spendKept: readonly string[];
}

export interface ImportDeps {
  readonly admin: AdminDeps;
  /** Nothing is written. */
  readonly dryRun: boolean;
  readonly progress: (done: number, total: number) => void;
}

/** Rows of one transaction: others wait for the embedded store's writer meanwhile. */
const BATCH = 200;

/**
 * Writes budgets, then customers, in batches; each batch is one transaction with its audit rows. A second
 * run finds everything as it should be. What throws stops between two batches, and a second run goes on.
 */
export async function runImport(deps: ImportDeps, incoming: Incoming): Promise<ImportReport> {
  const total = incoming.budgets.length + incoming.customers.length;
  const skipped = [...incoming.skipped];
  const spendKept: string[] = [];
  const budgets = noCounts();
  const customers = noCounts();
  const changedBudgets: string[] = [];
  let done = 0;
  deps.progress(0, total);
  for (const batch of batches(incoming.budgets)) {
    for (const { outcome, budget } of await writeBudgets(deps, batch)) {
      budgets[outcome]++;
      if (outcome === "updated") changedBudgets.push(budget._id);
    }
    deps.progress((done += batch.length), total);
  }
  if (!deps.dryRun) await tellChanged(deps.admin, changedBudgets);
  const written = new Set(incoming.budgets.map(({ id }) => id));
  for (const batch of batches(incoming.customers)) {
    const stored = await findBudgets(deps.admin, batch, written);
    const isThere = (id: string): boolean => written.has(id) || stored.has(id);
    const [fitting, lost] = partition(batch, ({ settings: { budget_id: id } }) => id == null || isThere(id));
    skipped.push(...lost.map(withoutBudget));
    for (const { outcome, customer, spendKept: kept } of await writeCustomers(deps, fitting)) {
      customers[outcome]++;
      if (kept) spendKept.push(customer._id);
    }
    deps.progress((done += batch.length), total);
  }
  return { dryRun: deps.dryRun, budgets, customers, skipped, warnings: incoming.warnings, spendKept };
}

function noCounts(): Counts {
  return { created: 0, updated: 0, unchanged: 0 };
}

function* batches<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += BATCH) yield rows.slice(from, from + BATCH);
}

function partition<T>(rows: readonly T[], fits: (row: T) => boolean): [T[], T[]] {
  return [rows.filter(fits), rows.filter((row) => !fits(row))];
}

function withoutBudget({ place, id, settings }: IncomingCustomer): Skipped {
  const reason = `budget_id: neither the files nor the store have a budget "${settings.budget_id ?? ""}"`;
  return { place, kind: "customer", id, reason };
}

/** Of the customers' budgets that are in no file, those that the store has. */
async function findBudgets(
  { store }: AdminDeps,
  customers: readonly IncomingCustomer[],
  written: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const wanted = new Set(customers.flatMap(({ settings }) => settings.budget_id ?? []));
  const others = [...wanted].filter((id) => !written.has(id));
  if (others.length === 0) return new Set();
  const found = await store.collections.budgets
    .find({ _id: { $in: others } })
    .project<{ _id: string }>({ _id: 1 })
    .toArray();
  return new Set(found.map(({ _id }) => _id));
}

async function tellChanged(admin: AdminDeps, budgetIds: readonly string[]): Promise<void> {
  if (budgetIds.length === 0) return;
  await reviewTiers(admin, budgetIds);
  for (const id of budgetIds) admin.changed({ budget: id });
}

/** A dry run reads outside of a transaction: it is to disturb nobody. */
function maybeInTransaction<T>(
  { admin, dryRun }: ImportDeps,
  work: (session: ClientSession | null) => Promise<T>,
): Promise<T> {
  return dryRun ? work(null) : inTransaction(admin.store, work);
}

function writeBudgets(
  deps: ImportDeps,
  batch: readonly IncomingBudget[],
): Promise<{ outcome: Outcome; before: BudgetDoc | null; budget: BudgetDoc }[]> {
  const { admin } = deps;
  const { budgets, audit } = admin.store.collections;
  const show = showing(admin);
  return maybeInTransaction(deps, async (session) => {
    const now = admin.now();
    const options = session === null ? {} : { session };
    const found = await budgets.find({ _id: { $in: batch.map(({ id }) => id) } }, options).toArray();
    const known = new Map(found.map((budget) => [budget._id, budget]));
    const plans = batch.map((row) => {
      const before = known.get(row.id) ?? null;
      return { before, ...planBudget(row, before, { now, calendar: admin.defaults.calendar }) };
    });
    const changes = plans.filter(({ outcome }) => outcome !== "unchanged");
    if (session === null || changes.length === 0) return plans;
    await budgets.bulkWrite(
      changes.map(({ budget }) => ({
        replaceOne: { filter: { _id: budget._id }, replacement: budget, upsert: true },
      })),
      { session },
    );
    const rows = changes.map(({ before, budget }) =>
      auditRow(
        { newId: admin.newId, actor: IMPORTER, now },
        {
          action: "budget.import",
          targetId: budget._id,
          before: before && budgetRowJson(before, show),
          after: budgetRowJson(budget, show),
        },
      ),
    );
    await audit.insertMany(rows, { session });
    return plans;
  });
}

async function writeCustomers(
  deps: ImportDeps,
  batch: readonly IncomingCustomer[],
): Promise<PlannedCustomer[]> {
  const { admin } = deps;
  const { customers } = admin.store.collections;
  const plans = await maybeInTransaction(deps, async (session) => {
    const now = admin.now();
    const options = session === null ? {} : { session };
    const found = await customers.find({ _id: { $in: batch.map(({ id }) => id) } }, options).toArray();
    const known = new Map(found.map((customer) => [customer._id, customer]));
    const planned = batch.map((row) => planCustomer(row, known.get(row.id) ?? null, now));
    const changes = planned.filter(({ outcome }) => outcome !== "unchanged");
    if (session !== null && changes.length > 0) await writeChanges(admin, changes, { session, now });
    return planned;
  });
  const changed = plans.filter(({ outcome }) => outcome !== "unchanged");
  if (!deps.dryRun && changed.length > 0) {
    admin.changed({ customers: changed.map(({ customer }) => customer._id) });
  }
  return plans;
}

async function writeChanges(
  admin: AdminDeps,
  changes: readonly PlannedCustomer[],
  { session, now }: { session: ClientSession; now: Date },
): Promise<void> {
  const { customers, budgets, audit } = admin.store.collections;
  const befores = changes.flatMap(({ before }) => before ?? []);
  const shownBefore = await showCustomers(admin, befores, session);
  const before = new Map(befores.map(({ _id }, index) => [_id, shownBefore[index] ?? null]));
  await customers.bulkWrite(
    changes.map(({ customer }) => ({
      replaceOne: { filter: { _id: customer._id }, replacement: customer, upsert: true },
    })),
    { session },
  );
  // A private budget that its customer has left is nobody's.
  const left = changes.flatMap((change) =>
    change.before?.budgetId != null && change.before.budgetId !== change.customer.budgetId
      ? change.before.budgetId
      : [],
  );
  const owners = changes.map(({ customer }) => customer._id);
  if (left.length > 0) {
    await budgets.deleteMany({ _id: { $in: left }, customerId: { $in: owners } }, { session });
  }
  const after = await showCustomers(
    admin,
    changes.map(({ customer }) => customer),
    session,
  );
  const rows = changes.map(({ customer: { _id } }, index) =>
    auditRow(
      { newId: admin.newId, actor: IMPORTER, now },
      {
        action: "customer.import",
        targetId: _id,
        before: before.get(_id) ?? null,
        after: after[index] ?? null,
      },
    ),
  );
  await audit.insertMany(rows, { session });
}
