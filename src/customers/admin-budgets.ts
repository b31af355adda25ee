import { randomUUID } from "node:crypto";
import { AppError } from "../errors.ts";
import type { BudgetDoc } from "../store/documents.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { type AdminDeps, audit, type Change, laterThan, requireBudget, showing } from "./admin.ts";
import { changeLimits, NO_LIMITS } from "./budget-fields.ts";
import { budgetRowJson } from "./budget-json.ts";
import type { NewBudget } from "./customer-fields.ts";
import { tierFilter } from "./find-customers.ts";
import { FEW_CUSTOMERS, reviewTier } from "./review-tiers.ts";

type Shown = Record<string, unknown>;

/** Creates a tier. Throws budget_exists. */
export async function createBudget(deps: AdminDeps, actor: string, body: NewBudget): Promise<Shown> {
  const id = body.budget_id ?? randomUUID();
  const limits = changeLimits(NO_LIMITS, body);
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { budgets } = deps.store.collections;
    if ((await budgets.findOne({ _id: id }, { session })) !== null) {
      throw new AppError("budget_exists", `Budget with id '${id}' already exists.`);
    }
    // Customers who still name the deleted one would be on this one, and then taken off it.
    const review = await deps.store.collections.tierReviews.findOne({ _id: id }, { session });
    if (review?.isDeleted === true) {
      throw new AppError(
        "budget_exists",
        `Budget with id '${id}' is still being deleted; try again shortly.`,
      );
    }
    const made = { createdAt: change.now, createdBy: actor, updatedAt: change.now, updatedBy: actor };
    const budget: BudgetDoc = { ...limits, _id: id, customerId: null, ...made };
    await budgets.insertOne(budget, { session });
    const after = budgetRowJson(budget, showing(deps));
    await audit(change, { action: "budget.create", targetId: id, before: null, after });
    return after;
  });
  deps.changed({ budget: id });
  return shown;
}

/** Changes a budget for all of its customers; what is absent stays, `null` clears. */
export async function updateBudget(deps: AdminDeps, actor: string, body: NewBudget): Promise<Shown> {
  const id = body.budget_id;
  if (id == null) throw new AppError("invalid_budget", "budget_id is required");
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const known = await requireBudget(change, id);
    const budget: BudgetDoc = {
      ...known,
      ...changeLimits(known, body),
      updatedAt: laterThan(known.updatedAt, change.now),
      updatedBy: actor,
    };
    await deps.store.collections.budgets.replaceOne({ _id: id }, budget, { session });
    await reviewLater(change, id, false);
    const show = showing(deps);
    const after = budgetRowJson(budget, show);
    await audit(change, { action: "budget.update", targetId: id, before: budgetRowJson(known, show), after });
    return after;
  });
  await reviewNow(deps, id);
  deps.changed({ budget: id });
  return shown;
}

/** Deletes a tier; its customers go on without a budget of their own, and keep their spend. */
export async function deleteBudget(deps: AdminDeps, actor: string, id: string): Promise<Shown> {
  const shown = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const known = await requireBudget(change, id);
    await deps.store.collections.budgets.deleteOne({ _id: id }, { session });
    await reviewLater(change, id, true);
    const before = budgetRowJson(known, showing(deps));
    await audit(change, { action: "budget.delete", targetId: id, before, after: null });
    return before;
  });
  await reviewNow(deps, id);
  deps.changed({ budget: id });
  return shown;
}

/**
 * Limits that were passed may not be any more, and the other way round. Written down in the transaction of
 * the change itself, so that no crash loses it.
 */
async function reviewLater({ deps, session }: Change, budgetId: string, isDeleted: boolean): Promise<void> {
  const review = { since: deps.now(), isDeleted };
  const { tierReviews } = deps.store.collections;
  await tierReviews.replaceOne({ _id: budgetId }, review, { session, upsert: true });
}

/** The same for tiers that were changed outside of a transaction of their own. */
export async function reviewTiers(deps: AdminDeps, budgetIds: readonly string[]): Promise<void> {
  const review = { since: deps.now(), isDeleted: false };
  for (const id of budgetIds) {
    await deps.store.collections.tierReviews.replaceOne({ _id: id }, review, { upsert: true });
    await reviewNow(deps, id);
  }
}

/** Sees to it at once where that is quick; a tier with many customers is left to maintenance. */
async function reviewNow(deps: AdminDeps, budgetId: string): Promise<void> {
  const { customers, tierReviews } = deps.store.collections;
  const review = await tierReviews.findOne({ _id: budgetId });
  if (review === null) return;
  const tier = review.isDeleted ? { budgetId } : tierFilter(deps, budgetId);
  const count = await customers.countDocuments(tier, { limit: FEW_CUSTOMERS + 1 });
  if (count <= FEW_CUSTOMERS) await reviewTier(deps, review);
}

export async function findBudgets(deps: AdminDeps, ids: readonly string[]): Promise<Shown[]> {
  if (ids.length === 0) {
    throw new AppError("invalid_budget", "Specify list of budget id's to query. Passed in=[]");
  }
  const found = await deps.store.collections.budgets.find({ _id: { $in: [...ids] } }).toArray();
  const show = showing(deps);
  return found.map((budget) => budgetRowJson(budget, show));
}

const DESCRIPTIONS: Readonly<Record<string, [type: string, description: string]>> = {
  max_parallel_requests: ["Integer", "Calls of one customer at the same time"],
  tpm_limit: ["Integer", "Tokens of one customer in a minute"],
  rpm_limit: ["Integer", "Calls of one customer in a minute"],
  budget_duration: ["String", "How long a budget lasts until it is reset: 30s, 12h, 1d, 7d, 30d, 1mo"],
  max_budget: ["Float", "What one customer may spend in a period, USD"],
  soft_budget: ["Float", "Spend at which soft_budget_crossed is told, USD"],
  model_max_budget: ["Object", "What one customer may spend on single models"],
};

/** A budget as fields with their descriptions. */
export async function budgetSettings(deps: AdminDeps, id: string): Promise<Shown[]> {
  const budget = await deps.store.collections.budgets.findOne({ _id: id });
  const row = budget === null ? {} : budgetRowJson(budget, showing(deps));
  return Object.entries(DESCRIPTIONS).map(([name, [type, description]]) => ({
    field_name: name,
    field_type: type,
    field_description: description,
    field_value: row[name] ?? null,
    stored_in_db: true,
    field_default_value: null,
  }));
}
