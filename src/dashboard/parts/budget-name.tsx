import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { Customer } from "../api/schemas/customers.ts";

interface BudgetNameProps {
  readonly customer: Pick<Customer, "budget_id" | "effective_budget_id">;
  /** All tiers: what is not among them is the customer's own. */
  readonly budgets: readonly UsedBudget[];
}

/** True when the budget in force is a private copy, whose made-up id tells nobody anything. */
export function hasOwnBudget({ customer, budgets }: BudgetNameProps): boolean {
  const { budget_id: id } = customer;
  return id !== null && budgets.length > 0 && !budgets.some((budget) => budget.budget_id === id);
}

/** The tier in force, or that the customer has its own limits. */
export function BudgetName({ customer, budgets }: BudgetNameProps) {
  const { effective_budget_id: inForce, budget_id: own } = customer;
  if (inForce === null) return <span class="muted">none</span>;
  return (
    <span class="clip" title={inForce}>
      {hasOwnBudget({ customer, budgets }) ? "its own" : inForce}
      {own === null && <span class="muted"> (default)</span>}
    </span>
  );
}
