import type { Customer } from "../api/schemas/customers.ts";
import type { Selection } from "./use-selection.ts";

export function SelectOne({ row, selection }: { row: Customer; selection: Selection }) {
  return (
    <input
      type="checkbox"
      aria-label={`Select ${row.user_id}`}
      checked={selection.chosen.has(row.user_id)}
      onChange={(event) => selection.toggle([row], event.currentTarget.checked)}
    />
  );
}

interface SelectAllProps {
  readonly rows: readonly Customer[];
  readonly selection: Selection;
  /** Shown beside the box; otherwise only read out. */
  readonly label?: string;
}

export function SelectAll({ rows, selection, label }: SelectAllProps) {
  const count = rows.filter((row) => selection.chosen.has(row.user_id)).length;
  return (
    <label class="check-label">
      <input
        type="checkbox"
        aria-label={label === undefined ? "Select this page" : undefined}
        checked={count > 0 && count === rows.length}
        indeterminate={count > 0 && count < rows.length}
        onChange={(event) => selection.toggle(rows, event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}
