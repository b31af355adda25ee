import type { FilterState } from "../routing/use-place.ts";
import type { Choice } from "./field.tsx";

interface FilterSelectProps {
  readonly filters: FilterState;
  readonly name: string;
  readonly label: string;
  readonly choices: readonly Choice[];
}

/** A filter of which one value is chosen; it goes into the address. */
export function FilterSelect({ filters, name, label, choices }: FilterSelectProps) {
  return (
    <select
      aria-label={label}
      class="filter"
      value={filters.get(name) ?? ""}
      onChange={(event) => filters.set({ [name]: event.currentTarget.value, cursor: null })}
    >
      {choices.map((choice) => (
        <option key={choice.value} value={choice.value}>
          {choice.label}
        </option>
      ))}
    </select>
  );
}
