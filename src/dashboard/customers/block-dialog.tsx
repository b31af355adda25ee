import type { Customer } from "../api/schemas/customers.ts";
import { formatMoney } from "../format/money.ts";
import { plural } from "../format/numbers.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { useServices } from "../services.ts";
import { blockCustomers } from "./block-customers.ts";

interface BlockDialogProps {
  readonly rows: readonly Pick<Customer, "user_id" | "blocked" | "spend">[];
  readonly block: boolean;
  readonly close: () => void;
  readonly done: () => void;
}

/** Asks before blocking or unblocking, and changes only those that are not so already. */
export function BlockDialog({ rows, block, close, done }: BlockDialogProps) {
  const services = useServices();
  const affected = rows.filter((row) => row.blocked !== block);
  const already = rows.length - affected.length;
  const word = block ? "blocked" : "unblocked";
  const single = affected.length === 1 ? affected[0] : undefined;
  const act = async (): Promise<void> => {
    if (affected.length === 0) return;
    const ids = affected.map((row) => row.user_id);
    await blockCustomers(services, ids, block, done);
  };
  const spend = affected.reduce((sum, row) => sum + row.spend, 0);
  return (
    <ConfirmDialog
      title={`${block ? "Block" : "Unblock"} ${single?.user_id ?? plural(affected.length, "customer")}?`}
      verb={block ? "Block" : "Unblock"}
      tone={block ? "danger" : "primary"}
      act={act}
      close={close}
    >
      <p>
        {affected.length === 0 ? (
          "Nothing changes."
        ) : block ? (
          <>
            Every call of <strong>{single?.user_id ?? plural(affected.length, "customer")}</strong> is refused
            from now on. Calls in flight are finished and charged. Spent so far: {formatMoney(spend)}.
          </>
        ) : (
          <>
            Calls of <strong>{single?.user_id ?? plural(affected.length, "customer")}</strong> are served
            again, within their budgets.
          </>
        )}
      </p>
      {already > 0 && (
        <p class="muted">
          {plural(already, "customer")} {already === 1 ? "is" : "are"} {word} already.
        </p>
      )}
    </ConfirmDialog>
  );
}
