import type { UsedBudget } from "../api/schemas/budgets.ts";
import { useServices } from "../services.ts";
import type { Choice } from "./field.tsx";
import { useLiveReload } from "./use-live.ts";
import { useLoad } from "./use-load.ts";

const RELOAD_MS = 5000;

/** The tiers, to choose from. */
export function useBudgets(): readonly UsedBudget[] {
  const { api } = useServices();
  const budgets = useLoad("budgets", (signal) => api.budgets.list(signal));
  useLiveReload(budgets.reload, {
    everyMs: RELOAD_MS,
    when: (message) => message.name === "change" && message.data.kind === "budget",
  });
  return budgets.data ?? [];
}

/** The tiers as choices, after one that stands for none. */
export function budgetChoices(budgets: readonly UsedBudget[], none: string): Choice[] {
  return [
    { value: "", label: none },
    ...budgets.map(({ budget_id: id, max_budget: max }) => ({
      value: id,
      label: max === null ? id : `${id} ($${max.toLocaleString("en-US", { maximumFractionDigits: 9 })})`,
    })),
  ];
}
