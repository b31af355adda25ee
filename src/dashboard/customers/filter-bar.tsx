import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { FilterState } from "../routing/use-place.ts";
import { FilterSelect } from "../parts/filter-select.tsx";
import { SearchBox } from "./search-box.tsx";

interface FilterBarProps {
  readonly filters: FilterState;
  readonly budgets: readonly UsedBudget[];
}

const BLOCKED = [
  { value: "", label: "Blocked or not" },
  { value: "false", label: "Not blocked" },
  { value: "true", label: "Blocked" },
];

export function FilterBar({ filters, budgets }: FilterBarProps) {
  const ids = budgets.map(({ budget_id: id }) => id);
  const current = filters.get("budget_id");
  // A link may name a budget that is not, or not yet, in the list.
  const known = current === null || ids.includes(current) ? ids : [current, ...ids];
  const choices = [{ value: "", label: "Any budget" }, ...known.map((id) => ({ value: id, label: id }))];
  return (
    <div class="filters" role="search" aria-label="Customers">
      <SearchBox filters={filters} name="search" label="Search id or alias" />
      <FilterSelect filters={filters} name="budget_id" label="Budget" choices={choices} />
      <FilterSelect filters={filters} name="blocked" label="Blocked" choices={BLOCKED} />
    </div>
  );
}
