import type { CustomerChange } from "../api/customers.ts";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { CustomerDetail } from "../api/schemas/customers.ts";
import { exactMoney, formatMoney } from "../format/money.ts";
import { hasOwnBudget } from "../parts/budget-name.tsx";
import { TextField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";

interface RaiseDialogProps {
  readonly customer: CustomerDetail;
  readonly budgets: readonly UsedBudget[];
  readonly close: () => void;
  readonly changed: () => void;
}

/** Gives one customer another maximum. Its tier stays as it is: the customer gets a copy of its own. */
export function RaiseDialog({ customer, budgets, close, changed }: RaiseDialogProps) {
  const { api, notices } = useServices();
  const { user_id: id, spend, max_budget: max, effective_budget_id: tier } = customer;
  const isOwn = hasOwnBudget({ customer, budgets });
  const before: CustomerChange = isOwn
    ? { user_id: id, max_budget: max }
    : { user_id: id, budget_id: customer.budget_id };
  const form = useForm({ max_budget: max === null ? "" : String(max) }, async (values) => {
    await api.customers.update({ user_id: id, max_budget: values.max_budget });
    close();
    notices.done(`${id} may now spend $${values.max_budget}`, () => {
      void api.customers.update(before).then(
        () => {
          notices.done(`${id} has its old budget again`);
          changed();
        },
        (error: Error) => notices.problem(error.message),
      );
    });
    changed();
  });
  const typed = Number(form.values.max_budget);
  const isNumber = form.values.max_budget.trim() !== "" && Number.isFinite(typed);
  return (
    <FormDialog title={`Raise the budget of ${id}`} form={form} submitLabel="Raise" close={close}>
      <TextField
        form={form}
        name="max_budget"
        label="Max Budget (USD)"
        inputMode="decimal"
        prefix="$"
        autoFocus
        hint={
          isOwn || tier === null ? undefined : (
            <>
              Only for this customer: it gets a copy of <strong>{tier}</strong>, which stays as it is.
            </>
          )
        }
      />
      <p class={isNumber && spend >= typed ? "preview preview-worse" : "preview"} role="status">
        {exactMoney(spend)} is spent.{" "}
        {isNumber &&
          (spend >= typed
            ? "That is over the new budget: the next call is refused."
            : `${formatMoney(typed - spend)} would be left.`)}
      </p>
    </FormDialog>
  );
}
