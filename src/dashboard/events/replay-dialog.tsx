import { useEffect, useState } from "preact/hooks";
import type { Replay } from "../api/schemas/webhooks.ts";
import { DAY_MS } from "../format/dates.ts";
import { EVENT_TYPES } from "../format/event-text.ts";
import { plural } from "../format/numbers.ts";
import { Dialog } from "../parts/dialog.tsx";
import { SelectField, TextField } from "../parts/field.tsx";
import { FormDialog } from "../parts/form-dialog.tsx";
import { useLoad } from "../parts/use-load.ts";
import { given } from "../parts/typed-text.ts";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";

interface ReplayDialogProps {
  readonly endpoints: readonly string[];
  readonly close: () => void;
  readonly done: () => void;
}

const MISSING = [
  { value: "missing", label: "Only what was not delivered" },
  { value: "all", label: "Everything once more" },
];

/** Local time as an input of type datetime-local holds it. */
function localInput(ms: number): string {
  const offset = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 16);
}

/** What is not a time goes as it was typed: the server says what is wrong with it. */
function asInstant(typed: string): string {
  const ms = Date.parse(typed);
  return Number.isNaN(ms) ? typed : new Date(ms).toISOString();
}

/** Sends a stretch of events again; the receiver knows them by their ids. */
export function ReplayDialog({ endpoints, close, done }: ReplayDialogProps) {
  const { api } = useServices();
  const [started, setStarted] = useState<Replay | null>(null);
  const now = Date.now();
  const initial = {
    endpoint_id: endpoints[0] ?? "",
    from: localInput(now - DAY_MS),
    to: localInput(now + 60_000),
    event: "",
    customer_id: "",
    only_missing: "missing",
  };
  const form = useForm(initial, async (values) => {
    const replay = await api.deliveries.replay({
      endpoint_id: values.endpoint_id,
      from: asInstant(values.from),
      to: asInstant(values.to),
      event: given(values.event),
      customer_id: given(values.customer_id),
      only_missing: values.only_missing === "missing",
    });
    setStarted(replay);
    done();
  });
  if (started !== null) return <ReplayProgress started={started} close={close} />;
  const types = [{ value: "", label: "All types" }, ...EVENT_TYPES.map((value) => ({ value, label: value }))];
  const targets = endpoints.map((value) => ({ value, label: value }));
  return (
    <FormDialog title="Replay events" form={form} submitLabel="Replay" close={close}>
      <p class="muted">
        Events keep their ids and bodies, so a receiver that drops duplicates books nothing twice.
      </p>
      <SelectField form={form} name="endpoint_id" label="To endpoint" choices={targets} autoFocus />
      <div class="field-row">
        <TextField form={form} name="from" label="From" type="datetime-local" />
        <TextField form={form} name="to" label="To" type="datetime-local" />
      </div>
      <div class="field-row">
        <SelectField form={form} name="event" label="Type" choices={types} />
        <TextField form={form} name="customer_id" label="Customer ID" placeholder="all" />
      </div>
      <SelectField form={form} name="only_missing" label="Which" choices={MISSING} />
    </FormDialog>
  );
}

const WATCH_MS = 1000;

function ReplayProgress({ started, close }: { started: Replay; close: () => void }) {
  const { api } = useServices();
  const loaded = useLoad(started.id, (signal) => api.deliveries.replayState(started.id, signal));
  const { reload } = loaded;
  const { matched, queued, state } = loaded.data ?? started;
  const isDone = state === "done";
  useEffect(() => {
    if (isDone) return undefined;
    const timer = setInterval(reload, WATCH_MS);
    return () => clearInterval(timer);
  }, [isDone, reload]);
  return (
    <Dialog title="Replay events" close={close}>
      <div class="dialog-body" role="status">
        <p>
          {matched === null ? "Counting the events" : <strong>{plural(matched, "event")}</strong>} in this
          stretch. {plural(queued, "event")} queued
          {isDone ? "; that is all of it." : " so far …"}
        </p>
        <p class="muted">What is on its way already is not queued again.</p>
      </div>
      <footer class="dialog-footer">
        <button type="button" class="button button-primary" onClick={close} data-autofocus>
          Close
        </button>
      </footer>
    </Dialog>
  );
}
