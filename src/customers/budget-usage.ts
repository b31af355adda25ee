import { AppError } from "../errors.ts";
import { NEAR_UTILIZATION, OVER_UTILIZATION, utilizationOf } from "../spend/utilization.ts";
import type { BudgetDoc } from "../store/documents.ts";
import { readInTime } from "../store/read-in-time.ts";
import type { AdminDeps } from "./admin.ts";
import { amount } from "./usd-field.ts";
import { tierFilter } from "./find-customers.ts";

export interface BudgetUsage {
  /** Customers it applies to. */
  readonly customers: number;
  /** Of these, with 80 % spent or more, those over it included. */
  readonly near: number;
  readonly over: number;
}

/** How many customers a budget has and how many are near or over it, by counting in an index. Throws query_timeout. */
export async function budgetUsage(deps: AdminDeps, budgetId: string): Promise<BudgetUsage> {
  const { customers } = deps.store.collections;
  const tier = tierFilter(deps, budgetId);
  const [all, near, over] = await readInTime((limit) =>
    Promise.all([
      customers.countDocuments(tier, limit),
      customers.countDocuments({ ...tier, utilization: { $gte: NEAR_UTILIZATION } }, limit),
      customers.countDocuments({ ...tier, utilization: { $gte: OVER_UTILIZATION } }, limit),
    ]),
  );
  return { customers: all, near, over };
}

/**
 * What another maximum would mean for a budget's customers; null = none. Throws budget_not_found and
 * invalid_budget.
 */
export async function previewBudget(
  deps: AdminDeps,
  budgetId: string,
  maxBudget: number | string | null,
): Promise<{ customers: number; over_now: number; over_then: number }> {
  const budget = await deps.store.collections.budgets.findOne({ _id: budgetId });
  if (budget === null) {
    throw new AppError("budget_not_found", `Budget with id '${budgetId}' does not exist.`, {
      param: "budget_id",
    });
  }
  const newNano = amount(maxBudget) ?? null;
  const { customers, over } = await budgetUsage(deps, budgetId);
  const overThen = newNano === null ? 0 : await countFrom(deps, budget, newNano);
  return { customers, over_now: over, over_then: overThen };
}

/** Customers of a budget who have spent this much or more (of nothing: anything). */
async function countFrom(
  deps: AdminDeps,
  { _id: budgetId, maxBudgetNano }: BudgetDoc,
  nano: bigint,
): Promise<number> {
  const { customers } = deps.store.collections;
  const tier = tierFilter(deps, budgetId);
  const spent = { spendNano: nano === 0n ? { $gt: 0n } : { $gte: nano } };
  const share = maxBudgetNano === 0n ? null : utilizationOf(nano, maxBudgetNano);
  // Without a maximum there are no shares: everybody's spend is looked at.
  if (share === null) return readInTime((limit) => customers.countDocuments({ ...tier, ...spent }, limit));
  // Only those in the same thousandth have to be looked at; above it, counting is enough.
  const [above, same] = await readInTime((limit) =>
    Promise.all([
      customers.countDocuments({ ...tier, utilization: { $gt: share } }, limit),
      customers.countDocuments({ ...tier, utilization: share, ...spent }, limit),
    ]),
  );
  return above + same;
}
