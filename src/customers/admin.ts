import type { ClientSession } from "mongodb";
import { AppError } from "../errors.ts";
import type { NewId } from "../lib/ids.ts";
import type { TermsDefaults } from "../spend/budget-terms.ts";
import type { Store } from "../store/connect.ts";
import type { AuditDoc, BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { auditDoc, type AuditEntry as AuditRow } from "../store/write-audit.ts";
import type { ShowBudget } from "./budget-json.ts";
import { customerJson, type ShownCustomer } from "./customer-json.ts";

/** What the operator's changes to customers and budgets need. */
export interface AdminDeps {
  readonly store: Store;
  readonly newId: NewId;
  readonly now: () => Date;
  readonly defaults: TermsDefaults;
  readonly defaultBudgetId: string | null;
  /** Models that callers may name. */
  readonly modelNames: readonly string[];
  /** Told after each change, so that every process sees it at once. */
  readonly changed: (change: { customers: readonly string[] } | { budget: string }) => void;
}

/** Who makes a change, and in which transaction. */
export interface Change {
  readonly deps: AdminDeps;
  readonly session: ClientSession;
  /** SHA-256 of the operator's API key. */
  readonly actor: string;
  readonly now: Date;
}

export function showing(deps: AdminDeps): ShowBudget {
  return { defaults: deps.defaults, now: deps.now() };
}

/** A customer and its budgets: the one it names, and the one that applies to it. */
export interface WithBudgets {
  readonly customer: CustomerDoc;
  readonly own: BudgetDoc | null;
  readonly applies: BudgetDoc | null;
}

export async function findBudgetsOf(
  deps: AdminDeps,
  customers: readonly CustomerDoc[],
  session?: ClientSession,
): Promise<WithBudgets[]> {
  const tiers = new Set([...customers.map(({ budgetId }) => budgetId), deps.defaultBudgetId]);
  const ids = [...tiers].filter((id) => id !== null);
  const docs =
    ids.length === 0
      ? []
      : await deps.store.collections.budgets.find({ _id: { $in: ids } }, session && { session }).toArray();
  const budgets = new Map(docs.map((doc) => [doc._id, doc]));
  const find = (id: string | null): BudgetDoc | null => (id !== null && budgets.get(id)) || null;
  return customers.map((customer) => {
    const own = find(customer.budgetId);
    return { customer, own, applies: own ?? find(deps.defaultBudgetId) };
  });
}

/** Customers as the API shows them, in the order given. */
export async function showCustomers(
  deps: AdminDeps,
  customers: readonly CustomerDoc[],
  session?: ClientSession,
): Promise<ShownCustomer[]> {
  const found = await findBudgetsOf(deps, customers, session);
  const show = showing(deps);
  return found.map(({ customer, ...budgets }) => customerJson(customer, budgets, show));
}

export async function showCustomer(
  deps: AdminDeps,
  customer: CustomerDoc,
  session?: ClientSession,
): Promise<ShownCustomer> {
  const [shown] = await showCustomers(deps, [customer], session);
  if (shown === undefined) throw new Error("A customer was to be shown and was not");
  return shown;
}

/** A change, without who made it and when. */
export type AuditEntry = Omit<AuditRow, "id" | "at" | "actor">;

/** Who changed what, as a row of the audit log. */
export function auditRow(
  by: { readonly newId: NewId; readonly actor: string; readonly now: Date },
  entry: AuditEntry,
): AuditDoc {
  return auditDoc({ id: by.newId("aud"), at: by.now, actor: by.actor, ...entry });
}

/** Writes down who changed what, in the transaction of the change itself. */
export async function audit(change: Change, entry: AuditEntry): Promise<void> {
  await auditAll(change, [entry]);
}

export async function auditAll(
  { deps, session, actor, now }: Change,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => auditRow({ newId: deps.newId, actor, now }, entry));
  await deps.store.collections.audit.insertMany(rows, { session });
}

export async function requireBudget({ deps, session }: Change, id: string): Promise<BudgetDoc> {
  const budget = await deps.store.collections.budgets.findOne({ _id: id }, { session });
  if (budget === null) {
    throw new AppError("budget_not_found", `Budget with id '${id}' does not exist.`, { param: "budget_id" });
  }
  return budget;
}

/** Another customer's private budget is nobody else's: it goes when that customer goes. */
export function requireTier(budget: BudgetDoc | null, ids: readonly string[]): void {
  const owner = budget?.customerId ?? null;
  if (owner === null || (ids.length === 1 && ids[0] === owner)) return;
  throw new AppError("invalid_budget", `Budget '${budget?._id}' belongs to one customer and is no tier`);
}

export function customerMissing(id: string, param: string): AppError {
  return new AppError("customer_not_found", `End User Id=${id} does not exist in db`, { param });
}

/** Two changes in one millisecond are two versions. */
export function laterThan(before: Date, now: Date): Date {
  return now > before ? now : new Date(before.getTime() + 1);
}
