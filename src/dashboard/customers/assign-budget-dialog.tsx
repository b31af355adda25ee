import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { Customer } from "../api/schemas/customers.ts";
import { formatMoney } from "../format/money.ts";
import { plural } from "../format/numbers.ts";
import { SelectField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { budgetChoices } from "../parts/use-budgets.ts";
import { orNull } from "../parts/typed-text.ts";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";
import { moveCustomers } from "./move-customers.ts";

interface AssignBudgetDialogProps {
  readonly rows: readonly Pick<Customer, "user_id" | "spend" | "budget_id">[];
  readonly budgets: readonly UsedBudget[];
  readonly close: () => void;
  readonly done: () => void;
}

/** Puts one or many customers on a tier, and says beforehand whom that puts over. */
export function AssignBudgetDialog({ rows, budgets, close, done }: AssignBudgetDialogProps) {
  const services = useServices();
  const current = rows.length === 1 ? (rows[0]?.budget_id ?? "") : "";
  const isTier = budgets.some(({ budget_id: id }) => id === current);
  const form = useForm({ budget_id: isTier ? current : "" }, async (values) => {
    const ids = rows.map((row) => row.user_id);
    await moveCustomers(services, ids, orNull(values.budget_id), done);
    close();
  });
  const whom = rows.length === 1 ? rows[0]?.user_id : plural(rows.length, "customer");
  const chosen = budgets.find(({ budget_id: id }) => id === form.values.budget_id);
  const max = chosen?.max_budget ?? null;
  const over = max === null ? 0 : rows.filter((row) => row.spend >= max).length;
  return (
    <FormDialog title={`Change the budget of ${whom}`} form={form} submitLabel="Assign budget" close={close}>
      <SelectField
        form={form}
        name="budget_id"
        label="Budget"
        choices={budgetChoices(budgets, "No budget of their own")}
        autoFocus
      />
      <p class={over > 0 ? "preview preview-worse" : "preview"} role="status">
        {max === null
          ? `Without a maximum, nobody of them is stopped unless the default budget does.`
          : over === 0
            ? `None of them has spent ${formatMoney(max)} in this period.`
            : `${plural(over, "customer")} would be over ${formatMoney(max)} at once, and refused.`}
      </p>
    </FormDialog>
  );
}
