import { useState } from "preact/hooks";
import type { Endpoint } from "../api/schemas/webhooks.ts";
import { FormDialog } from "../parts/form-dialog.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";
import { EndpointFormFields } from "./endpoint-form-fields.tsx";
import { changesOf, NEW_ENDPOINT, requestOf, valuesOf } from "./endpoint-values.ts";

interface AddEndpointDialogProps {
  readonly close: () => void;
  /** The secret is shown once. */
  readonly added: (endpoint: { id: string; secret: string }) => void;
}

export function AddEndpointDialog({ close, added }: AddEndpointDialogProps) {
  const { api } = useServices();
  const form = useForm(NEW_ENDPOINT, async (values) => {
    added(await api.endpoints.create(requestOf(values)));
  });
  return (
    <FormDialog title="Add endpoint" form={form} submitLabel="Add endpoint" close={close} kind="wide">
      <EndpointFormFields form={form} headerNames={[]} />
    </FormDialog>
  );
}

interface EditEndpointDialogProps {
  readonly endpoint: Endpoint;
  readonly close: () => void;
  readonly changed: () => void;
}

export function EditEndpointDialog({ endpoint, close, changed }: EditEndpointDialogProps) {
  const { api, notices } = useServices();
  const [before] = useState(() => valuesOf(endpoint));
  const form = useForm(before, async (values) => {
    await api.endpoints.update(endpoint.id, changesOf(before, values));
    close();
    notices.done(`Endpoint ${endpoint.id} changed`);
    changed();
  });
  return (
    <FormDialog title={`Edit ${endpoint.id}`} form={form} submitLabel="Save" close={close} kind="wide">
      <EndpointFormFields form={form} headerNames={endpoint.header_names} />
    </FormDialog>
  );
}
