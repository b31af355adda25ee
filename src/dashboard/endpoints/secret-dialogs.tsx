import { useState } from "preact/hooks";
import type { Endpoint } from "../api/schemas/webhooks.ts";
import { CodeLine } from "../parts/code-line.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { SelectField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { Show } from "../parts/state.tsx";
import { useForm } from "../parts/use-form.ts";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";

interface SecretDialogProps {
  readonly title: string;
  readonly secret: string;
  readonly note: string;
  readonly close: () => void;
}

export function SecretDialog({ title, secret, note, close }: SecretDialogProps) {
  return (
    <Dialog title={title} close={close}>
      <div class="dialog-body">
        <p>{note}</p>
        <CodeLine code={secret} label="Copy the signing secret" />
      </div>
      <footer class="dialog-footer">
        <button type="button" class="button button-primary" onClick={close} data-autofocus>
          Done
        </button>
      </footer>
    </Dialog>
  );
}

/** The secret is fetched when it is asked for, and the audit log notes that. */
export function RevealDialog({ endpoint, close }: { endpoint: Endpoint; close: () => void }) {
  const { api } = useServices();
  const secret = useLoad(endpoint.id, () => api.endpoints.secret(endpoint.id));
  return (
    <Dialog title={`Signing secret of ${endpoint.id}`} close={close}>
      <div class="dialog-body">
        <Show of={secret} lines={1}>
          {(text) => <CodeLine code={text} label="Copy the signing secret" />}
        </Show>
        <p class="muted">
          Whoever has it can send events in your name. That it was shown is in the audit log.
        </p>
      </div>
    </Dialog>
  );
}

const OVERLAPS = [
  { value: "86400", label: "24 hours" },
  { value: "3600", label: "1 hour" },
  { value: "604800", label: "7 days" },
  { value: "0", label: "Not at all: the old secret ends now" },
];

interface RotateDialogProps {
  readonly endpoint: Endpoint;
  readonly close: () => void;
  readonly changed: () => void;
}

/** Makes a new secret; for a while events carry both signatures, so that no event is refused meanwhile. */
export function RotateDialog({ endpoint, close, changed }: RotateDialogProps) {
  const { api } = useServices();
  const [secret, setSecret] = useState<string | null>(null);
  const form = useForm({ overlap_seconds: "86400" }, async (values) => {
    setSecret((await api.endpoints.rotate(endpoint.id, Number(values.overlap_seconds))).secret);
    changed();
  });
  if (secret !== null) {
    const note = "Put it into your receiver. This is the new secret; the old one ends after the overlap.";
    return <SecretDialog title="The new signing secret" secret={secret} note={note} close={close} />;
  }
  return (
    <FormDialog title={`Rotate the secret of ${endpoint.id}?`} form={form} submitLabel="Rotate" close={close}>
      <p>
        A new secret signs from now on. {endpoint.secrets.length > 1 && "The one before the last ends. "}
        During the overlap every event carries both signatures.
      </p>
      <SelectField
        form={form}
        name="overlap_seconds"
        label="The old one stays good for"
        choices={OVERLAPS}
        autoFocus
      />
    </FormDialog>
  );
}
