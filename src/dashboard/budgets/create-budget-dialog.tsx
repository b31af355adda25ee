import { TextField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";
import { BudgetFormFields } from "./budget-fields.tsx";
import { NEW_BUDGET, requestOf } from "./budget-values.ts";

export function CreateBudgetDialog({ close, created }: { close: () => void; created: () => void }) {
  const { api, notices } = useServices();
  const form = useForm(NEW_BUDGET, async (values) => {
    const budget = await api.budgets.create(requestOf(values));
    close();
    notices.done(`Budget ${budget.budget_id} created`);
    created();
  });
  return (
    <FormDialog title="Create Budget" form={form} submitLabel="Create Budget" close={close} kind="wide">
      <div class="field-row">
        <TextField
          form={form}
          name="budget_id"
          label="Budget ID"
          placeholder="my-free-tier"
          hint="Left empty, an id is made up."
          autoFocus
        />
        <TextField
          form={form}
          name="max_budget"
          label="Max Budget (USD)"
          inputMode="decimal"
          prefix="$"
          hint="What each customer on it may spend per period."
        />
      </div>
      <BudgetFormFields form={form} isNew />
    </FormDialog>
  );
}
