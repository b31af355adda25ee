import { SelectField, TextField } from "../parts/field.tsx";
import type { Form } from "../parts/use-form.ts";
import { type BudgetValues, CUSTOM, DURATIONS } from "./budget-values.ts";

const ENFORCEMENTS = [
  { value: "", label: "As configured" },
  { value: "hard", label: "Hard: refuse what might not fit" },
  { value: "soft", label: "Soft: serve while anything is left" },
];

/** The fields of a tier, beside its id. */
export function BudgetFormFields({ form, isNew }: { form: Form<BudgetValues>; isNew: boolean }) {
  const enforcements = isNew ? ENFORCEMENTS : ENFORCEMENTS.slice(1);
  return (
    <>
      <div class="field-row">
        <DurationFields form={form} />
        <TextField
          form={form}
          name="soft_budget"
          label="Soft Budget (USD)"
          inputMode="decimal"
          prefix="$"
          hint="You are told when it is passed; nobody is stopped."
        />
      </div>
      <div class="field-row field-row-three">
        <TextField form={form} name="tpm_limit" label="TPM" inputMode="numeric" hint="tokens a minute" />
        <TextField form={form} name="rpm_limit" label="RPM" inputMode="numeric" hint="calls a minute" />
        <TextField
          form={form}
          name="max_parallel_requests"
          label="Parallel"
          inputMode="numeric"
          hint="calls at once"
        />
      </div>
      <div class="field-row">
        <TextField
          form={form}
          name="thresholds"
          label="Thresholds (%)"
          placeholder="85, 95"
          hint="You are told when so much of the budget is used."
        />
        <SelectField form={form} name="budget_enforcement" label="Enforcement" choices={enforcements} />
      </div>
    </>
  );
}

function DurationFields({ form }: { form: Form<BudgetValues> }) {
  const isCustom = form.values.budget_duration === CUSTOM;
  // The server knows one field; while the other one is open, the message belongs there.
  const custom = { ...form, errorOf: () => form.errorOf("budget_duration") };
  const usual = isCustom ? { ...form, errorOf: () => null } : form;
  return (
    <div class="field-group">
      <SelectField form={usual} name="budget_duration" label="Reset" choices={DURATIONS} />
      {isCustom && (
        <TextField
          form={custom}
          name="custom_duration"
          label="Reset after"
          placeholder="12h"
          hint="30s, 5m, 12h, 2d, 2w, 3mo …"
          autoFocus
        />
      )}
    </div>
  );
}
