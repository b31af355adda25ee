import { AppError } from "../errors.ts";
import { reviewAccount } from "../spend/account.ts";
import { termsOf } from "../spend/budget-terms.ts";
import { utilizationOf } from "../spend/utilization.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { type AdminDeps, auditAll, type Change, requireBudget, requireTier } from "./admin.ts";

export interface Move {
  readonly ids: readonly string[];
  /** Null: they have no budget of their own any more. */
  readonly budgetId: string | null;
}

/**
 * Gives all of these customers one budget, or changes nothing; answers what each had before, so that it can
 * be undone. A private budget is kept for that, until its customer is given limits of its own again. Throws
 * customer_not_found, budget_not_found and invalid_budget.
 */
export async function moveCustomers(deps: AdminDeps, actor: string, move: Move): Promise<object> {
  const wanted = [...new Set(move.ids)];
  const moved = await inTransaction(deps.store, async (session) => {
    const change: Change = { deps, session, actor, now: deps.now() };
    const { customers, budgets } = deps.store.collections;
    const budget = move.budgetId === null ? null : await requireBudget(change, move.budgetId);
    requireTier(budget, wanted);
    const { defaultBudgetId } = deps;
    const applies =
      budget ??
      (defaultBudgetId === null ? null : await budgets.findOne({ _id: defaultBudgetId }, { session }));
    const terms = applies === null ? null : termsOf(applies, deps.defaults);
    const found = await customers.find({ _id: { $in: wanted }, deletedAt: null }, { session }).toArray();
    requireAll(
      wanted,
      found.map(({ _id }) => _id),
    );
    const changed = found.filter((customer) => customer.budgetId !== move.budgetId);
    if (changed.length > 0) {
      await customers.bulkWrite(
        changed.map((customer) => {
          const { account } = reviewAccount(customer, terms, change.now);
          const set = {
            budgetId: move.budgetId,
            utilization: utilizationOf(account.spendNano, terms?.maxNano ?? null),
            reviewAt: change.now,
            updatedAt: change.now,
          };
          return { updateOne: { filter: { _id: customer._id }, update: { $set: set } } };
        }),
        { session, ordered: false },
      );
    }
    const after = { budget_id: move.budgetId };
    await auditAll(
      change,
      changed.map(({ _id: targetId, budgetId }) => {
        return { action: "customer.move", targetId, before: { budget_id: budgetId }, after };
      }),
    );
    return changed;
  });
  if (moved.length > 0) deps.changed({ customers: moved.map(({ _id }) => _id) });
  return {
    moved: moved.length,
    previous: moved.map(({ _id, budgetId }) => ({ user_id: _id, budget_id: budgetId })),
  };
}

function requireAll(wanted: readonly string[], found: readonly string[]): void {
  const known = new Set(found);
  const missing = wanted.filter((id) => !known.has(id));
  if (missing.length === 0) return;
  throw new AppError("customer_not_found", `End User Id(s)=${missing.join(", ")} do not exist in db`, {
    param: "user_ids",
  });
}
