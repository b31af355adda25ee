import { randomUUID } from "node:crypto";
import { AppError } from "../errors.ts";
import { inTransaction } from "../store/in-transaction.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import {
  type AdminDeps,
  audit,
  type Change,
  customerMissing,
  laterThan,
  requireBudget,
  requireTier,
  showCustomer,
  showCustomers,
} from "./admin.ts";
import { type BudgetFields, changeLimits, givenLimits, hasBudgetFields, NO_LIMITS } from "./budget-fields.ts";
import { changedSettings, newCustomer } from "./customer-doc.ts";
import type { NewCustomer, UpdateCustomer } from "./customer-fields.ts";

type Shown = Record<string, unknown>;

/** Creates a customer, with a budget of its own if any limit is given. Throws customer_exists and others. */
export async function createCustomer(deps: AdminDeps, actor: string, body: NewCustomer): Promise<Shown> {
  checkDefaultModel(deps, body.default_model);
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { customers } = deps.store.collections;
    const known = await customers.findOne({ _id: body.user_id }, { session });
    if (known !== null && known.deletedAt === null) {
      throw new AppError(
        "customer_exists",
        `Customer already exists, passed user_id=${body.user_id}. Please pass a new user_id.`,
        { param: "user_id" },
      );
    }
    const customer = newCustomer(known, body, change.now);
    customer.budgetId = await chooseBudget(change, customer, body, null);
    const after = await showCustomer(deps, customer, session);
    customer.utilization = after.utilization;
    await customers.replaceOne({ _id: customer._id }, customer, { session, upsert: true });
    await audit(change, { action: "customer.create", targetId: customer._id, before: null, after });
    return after;
  });
  deps.changed({ customers: [body.user_id] });
  return shown;
}

/**
 * Changes what is given; `null` clears a value, and leaves `blocked` and `models` as they are. A changed limit
 * of a shared tier becomes a private copy.
 */
export async function updateCustomer(deps: AdminDeps, actor: string, body: UpdateCustomer): Promise<Shown> {
  checkDefaultModel(deps, body.default_model);
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { customers } = deps.store.collections;
    const known = await customers.findOne({ _id: body.user_id, deletedAt: null }, { session });
    if (known === null) throw customerMissing(body.user_id, "user_id");
    const before = await showCustomer(deps, known, session);
    const settings = {
      ...changedSettings(body),
      budgetId: await chooseBudget(change, known, body, await findBudget(change, deps.defaultBudgetId)),
      reviewAt: change.now,
      updatedAt: change.now,
    };
    const after = await showCustomer(deps, { ...known, ...settings }, session);
    const { utilization } = after;
    await customers.updateOne({ _id: known._id }, { $set: { ...settings, utilization } }, { session });
    await audit(change, { action: "customer.update", targetId: known._id, before, after });
    return after;
  });
  deps.changed({ customers: [body.user_id] });
  return shown;
}

/**
 * The budget a customer has after this change, written if it is its own. `inherited` is the tier that applies
 * where it has none.
 */
async function chooseBudget(
  change: Change,
  customer: CustomerDoc,
  body: BudgetFields & { budget_id?: string | null | undefined },
  inherited: BudgetDoc | null,
): Promise<string | null> {
  const { budgets } = change.deps.store.collections;
  const { session } = change;
  const current = await findBudget(change, customer.budgetId);
  const wanted = body.budget_id == null ? null : await requireBudget(change, body.budget_id);
  requireTier(wanted, [customer._id]);
  const kept = body.budget_id === undefined ? current : wanted;
  const base = body.budget_id === undefined ? (current ?? inherited) : wanted;
  const owned = current?.customerId === customer._id ? current : null;
  // Who names a tier and sends the rest of the form as null wants that tier, not a copy without its limits; and
  // there is nothing to clear for who has only the default one.
  const named = wanted !== null && wanted._id !== owned?._id;
  const limits = named || (kept === null && base !== null) ? givenLimits(body) : body;
  if (hasBudgetFields(limits) && (base !== null || !onlyClears(limits))) {
    return writeCopy(change, { owned, base, body: limits, customerId: customer._id });
  }
  if (owned !== null && kept?._id !== owned._id) await budgets.deleteOne({ _id: owned._id }, { session });
  return kept?._id ?? null;
}

async function findBudget({ deps, session }: Change, id: string | null): Promise<BudgetDoc | null> {
  return id === null ? null : deps.store.collections.budgets.findOne({ _id: id }, { session });
}

/** A tier is everybody's: what is changed for one customer is changed in a copy of its own. */
async function writeCopy(
  { deps, session, actor, now }: Change,
  from: { owned: BudgetDoc | null; base: BudgetDoc | null; body: BudgetFields; customerId: string },
): Promise<string> {
  const { owned, base } = from;
  const copy: BudgetDoc = {
    ...changeLimits(base ?? NO_LIMITS, from.body),
    _id: owned?._id ?? randomUUID(),
    customerId: from.customerId,
    // Periods go on from the same anchor: a changed limit is no new period.
    createdAt: base?.createdAt ?? now,
    createdBy: owned?.createdBy ?? actor,
    updatedAt: owned === null ? now : laterThan(owned.updatedAt, now),
    updatedBy: actor,
  };
  const { budgets } = deps.store.collections;
  await budgets.replaceOne({ _id: copy._id }, copy, { session, upsert: true });
  // One that was kept when its customer was moved to a tier: it has another now.
  await budgets.deleteMany({ customerId: from.customerId, _id: { $ne: copy._id } }, { session });
  return copy._id;
}

/** Clearing limits that are not there makes no budget. */
function onlyClears(body: BudgetFields): boolean {
  return Object.values(changeLimits(NO_LIMITS, body)).every(
    (limit) => limit === null || (Array.isArray(limit) && limit.length === 0),
  );
}

function checkDefaultModel(deps: AdminDeps, model: string | null | undefined): void {
  if (model == null || deps.modelNames.includes(model)) return;
  throw new AppError(
    "default_model_unknown",
    deps.modelNames.length === 0
      ? "No models configured on proxy"
      : `Default Model not on proxy. Configure via config.yaml. Default_model=${model}, proxy_model_names=${JSON.stringify(deps.modelNames)}`,
    { param: "default_model" },
  );
}

/** Deletes all of these customers or none. Their ledger stays, and their numbering goes on if they return. */
export async function deleteCustomers(
  deps: AdminDeps,
  actor: string,
  ids: readonly string[],
): Promise<number> {
  const wanted = [...new Set(ids)];
  await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { customers, budgets } = deps.store.collections;
    const found = await customers.find({ _id: { $in: wanted }, deletedAt: null }, { session }).toArray();
    const missing = wanted.filter((id) => !found.some(({ _id }) => _id === id));
    if (missing.length > 0) {
      throw new AppError("customer_not_found", `End User Id(s)=${missing.join(", ")} do not exist in db`, {
        param: "user_ids",
      });
    }
    for (const customer of found) {
      const before = await showCustomer(deps, customer, session);
      await customers.replaceOne({ _id: customer._id }, tombstone(customer, change.now), { session });
      await audit(change, { action: "customer.delete", targetId: customer._id, before, after: null });
    }
    await budgets.deleteMany({ customerId: { $in: wanted } }, { session });
  });
  deps.changed({ customers: wanted });
  return wanted.length;
}

function tombstone(customer: CustomerDoc, now: Date): CustomerDoc {
  const empty = newCustomer(customer, { user_id: customer._id }, now);
  return { ...empty, reviewAt: null, deletedAt: now, createdAt: customer.createdAt };
}

/** Blocks or unblocks; blocking creates ids that nobody has yet. Answers the customers that exist. */
export async function setBlocked(
  deps: AdminDeps,
  actor: string,
  { ids, blocked }: { ids: readonly string[]; blocked: boolean },
): Promise<Shown[]> {
  const wanted = [...new Set(ids)];
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { customers } = deps.store.collections;
    const found = await customers.find({ _id: { $in: wanted } }, { session }).toArray();
    const known = new Map(found.map((customer) => [customer._id, customer]));
    const after: CustomerDoc[] = [];
    for (const id of wanted) {
      const customer = known.get(id);
      const exists = customer !== undefined && customer.deletedAt === null;
      if (!exists && !blocked) continue;
      if (exists && customer.blocked === blocked) {
        after.push(customer);
        continue;
      }
      const next = exists
        ? { ...customer, blocked, updatedAt: change.now }
        : newCustomer(customer ?? null, { user_id: id, blocked }, change.now);
      await customers.replaceOne({ _id: id }, next, { session, upsert: true });
      await audit(change, {
        action: blocked ? "customer.block" : "customer.unblock",
        targetId: id,
        before: exists ? { blocked: customer.blocked } : null,
        after: { blocked },
      });
      after.push(next);
    }
    return showCustomers(deps, after, session);
  });
  deps.changed({ customers: wanted });
  return shown;
}
