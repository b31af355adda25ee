import type { UsedBudget } from "../api/schemas/budgets.ts";
import { plural } from "../format/numbers.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { useServices } from "../services.ts";

interface DeleteBudgetDialogProps {
  readonly budget: UsedBudget;
  readonly close: () => void;
  readonly deleted: () => void;
}

export function DeleteBudgetDialog({ budget, close, deleted }: DeleteBudgetDialogProps) {
  const { api, notices } = useServices();
  const { budget_id: id, customers, over } = budget;
  const act = async (): Promise<void> => {
    await api.budgets.delete(id);
    notices.done(`Budget ${id} deleted`);
    deleted();
  };
  return (
    <ConfirmDialog title={`Delete ${id}?`} verb="Delete Budget" act={act} close={close}>
      {customers === 0 ? (
        <p>No customer is on this budget. Nothing else changes.</p>
      ) : (
        <p>
          <strong>{plural(customers, "customer")}</strong> will go on without this limit
          {over > 0 && <>, {over} of them over it now and refused until you do</>}. They keep their spend, and
          fall back to the default budget if there is one.
        </p>
      )}
      <p class="muted">This cannot be undone. To keep the tier, move its customers to another one instead.</p>
    </ConfirmDialog>
  );
}
