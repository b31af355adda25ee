import type { UsedBudget } from "../api/schemas/budgets.ts";
import { SelectField, TextField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { budgetChoices } from "../parts/use-budgets.ts";
import { given } from "../parts/typed-text.ts";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";

interface NewCustomerDialogProps {
  readonly budgets: readonly UsedBudget[];
  readonly close: () => void;
  readonly created: () => void;
}

const REGIONS = [
  { value: "", label: "Anywhere" },
  { value: "eu", label: "EU only" },
  { value: "us", label: "US only" },
];

export function NewCustomerDialog({ budgets, close, created }: NewCustomerDialogProps) {
  const { api, notices } = useServices();
  const empty = { user_id: "", alias: "", budget_id: "", max_budget: "", allowed_model_region: "" };
  const form = useForm(empty, async (values) => {
    const region = values.allowed_model_region;
    await api.customers.create({
      user_id: values.user_id,
      alias: given(values.alias),
      budget_id: given(values.budget_id),
      max_budget: given(values.max_budget),
      allowed_model_region: region === "eu" || region === "us" ? region : undefined,
    });
    close();
    notices.done(`Customer ${values.user_id} created`);
    created();
  });
  return (
    <FormDialog title="New Customer" form={form} submitLabel="Create Customer" close={close}>
      <TextField
        form={form}
        name="user_id"
        label="Customer ID"
        placeholder="my-customer-id"
        hint={
          <>
            What your application sends as <code>user</code>.
          </>
        }
        required
        autoFocus
      />
      <TextField form={form} name="alias" label="Alias" hint="A name for people, found by the search." />
      <SelectField
        form={form}
        name="budget_id"
        label="Budget"
        choices={budgetChoices(budgets, "None, or the default one")}
      />
      <TextField
        form={form}
        name="max_budget"
        label="Or a budget of its own (USD)"
        inputMode="decimal"
        prefix="$"
        hint="Instead of a tier. 0 refuses every call that costs something."
      />
      <SelectField form={form} name="allowed_model_region" label="Models in" choices={REGIONS} />
    </FormDialog>
  );
}
