import { useState } from "preact/hooks";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import { plural } from "../format/numbers.ts";
import { AssignBudgetDialog } from "./assign-budget-dialog.tsx";
import { BlockDialog } from "./block-dialog.tsx";
import type { Selection } from "./use-selection.ts";

interface SelectionBarProps {
  readonly selection: Selection;
  readonly budgets: readonly UsedBudget[];
  readonly changed: () => void;
}

/** What can be done with the selected customers. */
export function SelectionBar({ selection, budgets, changed }: SelectionBarProps) {
  const [open, setOpen] = useState<"assign" | "block" | "unblock" | null>(null);
  const rows = [...selection.chosen.values()];
  const close = (): void => setOpen(null);
  const done = (): void => {
    selection.clear();
    changed();
  };
  const act = (kind: "assign" | "block" | "unblock", label: string) => (
    <button type="button" class="button" onClick={() => setOpen(kind)}>
      {label}
    </button>
  );
  return (
    <>
      {rows.length > 0 && (
        <div class="selection" role="region" aria-label="Selected customers">
          <strong role="status">{plural(rows.length, "customer")} selected</strong>
          {act("assign", "Assign budget")}
          {act("block", "Block")}
          {act("unblock", "Unblock")}
          <button type="button" class="button button-quiet" onClick={selection.clear}>
            Clear
          </button>
        </div>
      )}
      {open === "assign" && <AssignBudgetDialog rows={rows} budgets={budgets} close={close} done={done} />}
      {(open === "block" || open === "unblock") && (
        <BlockDialog rows={rows} block={open === "block"} close={close} done={done} />
      )}
    </>
  );
}
