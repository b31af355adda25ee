import { useState } from "preact/hooks";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { CustomerDetail } from "../api/schemas/customers.ts";
import { AssignBudgetDialog } from "../customers/assign-budget-dialog.tsx";
import { BlockDialog } from "../customers/block-dialog.tsx";
import { curlChat } from "../format/curl.ts";
import { Badge } from "../parts/badge.tsx";
import { CopyButton } from "../parts/copy-button.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { RaiseDialog } from "./raise-dialog.tsx";

interface CustomerHeaderProps {
  readonly customer: CustomerDetail;
  readonly budgets: readonly UsedBudget[];
  readonly changed: () => void;
}

/** Who it is, and what can be done. */
export function CustomerHeader({ customer, budgets, changed }: CustomerHeaderProps) {
  const [open, setOpen] = useState<"raise" | "assign" | "block" | null>(null);
  const close = (): void => setOpen(null);
  const { user_id: id, alias, blocked } = customer;
  const note = (
    <>
      {alias !== null && <span class="muted">{alias}</span>}
      {blocked && <Badge tone="bad">blocked</Badge>}
      <CopyButton text={id} label="Copy the id" />
    </>
  );
  const rows = [customer];
  return (
    <>
      <PageHeader title={id} note={note}>
        <CopyButton text={curlChat(window.location.origin, id)} label="Copy curl" wide />
        <button type="button" class="button" onClick={() => setOpen("block")}>
          {blocked ? "Unblock" : "Block"}
        </button>
        <button type="button" class="button" onClick={() => setOpen("assign")}>
          Change budget
        </button>
        <button type="button" class="button button-primary" onClick={() => setOpen("raise")}>
          Raise
        </button>
      </PageHeader>
      {open === "raise" && <RaiseDialog {...{ customer, budgets, close, changed }} />}
      {open === "assign" && <AssignBudgetDialog {...{ rows, budgets, close }} done={changed} />}
      {open === "block" && <BlockDialog rows={rows} block={!blocked} close={close} done={changed} />}
    </>
  );
}
