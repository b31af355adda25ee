import type { UsedBudget } from "../api/schemas/budgets.ts";
import { TextField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";
import { BudgetFormFields } from "./budget-fields.tsx";
import { BudgetPreviewNote } from "./budget-preview-note.tsx";
import { requestOf, valuesOf } from "./budget-values.ts";

interface EditBudgetDialogProps {
  readonly budget: UsedBudget;
  readonly close: () => void;
  readonly changed: () => void;
}

/** Changes a tier for all of its customers, and says beforehand whom that puts over. */
export function EditBudgetDialog({ budget, close, changed }: EditBudgetDialogProps) {
  const { api, notices } = useServices();
  const id = budget.budget_id;
  const before = valuesOf(budget);
  const form = useForm(before, async (values) => {
    await api.budgets.update({ ...requestOf(values), budget_id: id });
    close();
    notices.done(`Budget ${id} changed`, () => {
      const restore = { ...requestOf(before), thresholds: budget.thresholds, budget_id: id };
      void api.budgets.update(restore).then(
        () => {
          notices.done(`Budget ${id} is as it was`);
          changed();
        },
        (error: Error) => notices.problem(error.message),
      );
    });
    changed();
  });
  return (
    <FormDialog title={`Edit ${id}`} form={form} submitLabel="Save" close={close} kind="wide">
      <div class="field-row">
        <TextField
          form={form}
          name="max_budget"
          label="Max Budget (USD)"
          inputMode="decimal"
          prefix="$"
          hint="Empty: no limit."
          autoFocus
        />
        <BudgetPreviewNote id={id} maxBudget={form.values.max_budget} />
      </div>
      <BudgetFormFields form={form} isNew={false} />
    </FormDialog>
  );
}
