import { useState } from "preact/hooks";
import type { TestResult } from "../api/schemas/webhooks.ts";
import { EVENT_TYPES } from "../format/event-text.ts";
import { reasonText } from "../format/reasons.ts";
import { Badge } from "../parts/badge.tsx";
import { CodeLine } from "../parts/code-line.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { SelectField } from "../parts/field.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";
import { TimingBar } from "./attempt-list.tsx";
import { EventText } from "./event-body.tsx";
import { HeaderList } from "./header-list.tsx";

interface TestEventDialogProps {
  readonly endpoints: readonly string[];
  readonly close: () => void;
}

/** Sends one signed event with made-up numbers, and shows what was sent and what came back. */
export function TestEventDialog({ endpoints, close }: TestEventDialogProps) {
  const { api } = useServices();
  const [result, setResult] = useState<TestResult | null>(null);
  const first = endpoints[0] ?? "";
  const form = useForm({ endpoint_id: first, event_type: "spend_tracked" }, async (values) => {
    setResult(null);
    setResult(await api.endpoints.test(values.endpoint_id, values.event_type));
  });
  const choices = (values: readonly string[]) => values.map((value) => ({ value, label: value }));
  return (
    <Dialog title="Send test event" close={close} kind="panel">
      <form ref={form.element} class="dialog-form" onSubmit={form.submit} noValidate>
        <div class="dialog-body">
          <p class="muted">It is signed like any other, is about nobody's money, and is not tried again.</p>
          <div class="field-row">
            <SelectField
              form={form}
              name="endpoint_id"
              label="Endpoint"
              choices={choices(endpoints)}
              autoFocus
            />
            <SelectField form={form} name="event_type" label="Type" choices={choices(EVENT_TYPES)} />
          </div>
          <div role="alert">{form.problem !== null && <p class="problem">{form.problem}</p>}</div>
          <div role="status">
            {form.busy && <p class="muted">Sending …</p>}
            {result !== null && <Sent result={result} />}
          </div>
        </div>
        <footer class="dialog-footer">
          <button type="button" class="button" onClick={close}>
            Close
          </button>
          <button type="submit" class="button button-primary" aria-disabled={form.busy}>
            Send
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

function Sent({ result }: { result: TestResult }) {
  const { request, response, outcome, timing, curl } = result;
  const isGood = outcome === "delivered";
  return (
    <>
      <div class="panel-line">
        <Badge tone={isGood ? "good" : "bad"}>{reasonText(outcome)}</Badge>
        {response !== null && <span class="muted">HTTP {response.status}</span>}
      </div>
      <TimingBar timing={timing} />
      {response !== null && response.body !== "" && (
        <pre class="code code-wrap" tabIndex={0} role="region" aria-label="Response">
          <code>{response.body}</code>
        </pre>
      )}
      <HeaderList label="Headers as signed" headers={request.headers} />
      <EventText body={request.body} />
      <h3>The same with curl</h3>
      <CodeLine code={curl} label="Copy the curl line" />
    </>
  );
}
