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

export function SelectAll({ rows, selection }: { rows: readonly Customer[]; selection: Selection }) {
  const count = rows.filter((row) => selection.chosen.has(row.user_id)).length;
  return (
    <label class="select-all">
      <input
        type="checkbox"
        checked={count > 0 && count === rows.length}
        indeterminate={count > 0 && count < rows.length}
        onChange={(event) => selection.toggle(rows, event.currentTarget.checked)}
      />
      Select this page
    </label>
  );
}
