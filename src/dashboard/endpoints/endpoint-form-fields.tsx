import { EVENT_TYPES } from "../format/event-text.ts";
import { CheckListField } from "../parts/check-list-field.tsx";
import { SelectField, TextField } from "../parts/field.tsx";
import { TextAreaField } from "../parts/text-area-field.tsx";
import type { Form } from "../parts/use-form.ts";
import type { EndpointValues } from "./endpoint-values.ts";

const SIGNATURES = [
  { value: "v1", label: "v1 (HMAC-SHA256)" },
  { value: "v1+v1a", label: "v1 and v1a (ed25519)" },
];

interface EndpointFormFieldsProps {
  readonly form: Form<EndpointValues>;
  /** Names of the headers that are set already. */
  readonly headerNames: readonly string[];
}

export function EndpointFormFields({ form, headerNames }: EndpointFormFieldsProps) {
  const kept =
    headerNames.length === 0 ? "" : ` Set: ${headerNames.join(", ")}. Empty keeps them, - takes them away.`;
  return (
    <>
      <TextField
        form={form}
        name="url"
        label="URL"
        type="url"
        placeholder="https://example.com/webhook"
        required
        autoFocus
      />
      <TextField form={form} name="description" label="Description" />
      <CheckListField
        form={form}
        name="event_types"
        label="Events"
        hint="None chosen: all of them."
        choices={EVENT_TYPES}
      />
      <div class="field-row">
        <TextAreaField
          form={form}
          name="customers"
          label="Customers"
          hint="One id a line. Empty: all."
          placeholder="my-customer-id"
        />
        <TextAreaField
          form={form}
          name="headers"
          label="Headers"
          hint={`Sent with every event, one "name: value" a line.${kept}`}
          placeholder="authorization: Bearer …"
        />
      </div>
      <div class="field-row field-row-three">
        <TextField
          form={form}
          name="timeout_ms"
          label="Timeout (ms)"
          inputMode="numeric"
          hint="5,000 to 30,000"
        />
        <TextField form={form} name="max_in_flight" label="At once" inputMode="numeric" hint="1 to 100" />
        <TextField
          form={form}
          name="rate_per_second"
          label="Per second"
          inputMode="decimal"
          placeholder="no limit"
          hint="up to 1,000"
        />
      </div>
      <SelectField form={form} name="signature" label="Signature" choices={SIGNATURES} />
    </>
  );
}
