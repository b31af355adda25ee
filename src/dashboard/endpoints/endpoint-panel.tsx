import { useState } from "preact/hooks";
import type { Endpoint } from "../api/schemas/webhooks.ts";
import { TestEventDialog } from "../events/test-event-dialog.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { useAction } from "../parts/use-action.ts";
import { useServices } from "../services.ts";
import { DeleteEndpointDialog, PauseDialog } from "./endpoint-confirms.tsx";
import { EditEndpointDialog } from "./endpoint-dialogs.tsx";
import { EndpointFacts, EndpointStats } from "./endpoint-facts.tsx";
import { LagChart } from "./lag-chart.tsx";
import { RevealDialog, RotateDialog } from "./secret-dialogs.tsx";

interface EndpointPanelProps {
  readonly endpoint: Endpoint;
  readonly close: () => void;
  readonly changed: () => void;
}

type Open = "edit" | "pause" | "rotate" | "reveal" | "test" | "delete";

/** One endpoint: how it is doing, what it is told, and what can be done with it. */
export function EndpointPanel({ endpoint, close, changed }: EndpointPanelProps) {
  const [open, setOpen] = useState<Open | null>(null);
  const shut = (): void => setOpen(null);
  const props = { endpoint, close: shut, changed };
  return (
    <Dialog title={endpoint.id} close={close} kind="panel">
      <div class="dialog-body">
        <Actions endpoint={endpoint} open={setOpen} changed={changed} />
        <EndpointStats endpoint={endpoint} />
        <h3>Webhook lag, last 24 hours</h3>
        <LagChart endpoint={endpoint} />
        <EndpointFacts endpoint={endpoint} />
      </div>
      {open === "edit" && <EditEndpointDialog {...props} />}
      {open === "pause" && <PauseDialog {...props} />}
      {open === "rotate" && <RotateDialog {...props} />}
      {open === "reveal" && <RevealDialog endpoint={endpoint} close={shut} />}
      {open === "test" && <TestEventDialog endpoints={[endpoint.id]} close={shut} />}
      {open === "delete" && (
        <DeleteEndpointDialog
          {...props}
          changed={() => {
            close();
            changed();
          }}
        />
      )}
    </Dialog>
  );
}

interface ActionsProps {
  readonly endpoint: Endpoint;
  readonly open: (what: Open) => void;
  readonly changed: () => void;
}

function Actions({ endpoint, open, changed }: ActionsProps) {
  const { api, notices } = useServices();
  const resume = useAction(async () => {
    await api.endpoints.resume(endpoint.id);
    notices.done(`Endpoint ${endpoint.id} resumed`);
    changed();
  });
  const button = (what: Open, label: string) => (
    <button type="button" class="button" onClick={() => open(what)}>
      {label}
    </button>
  );
  return (
    <div class="panel-actions">
      {endpoint.state === "enabled" ? (
        button("pause", "Pause")
      ) : (
        <button type="button" class="button button-primary" onClick={resume.run} aria-disabled={resume.busy}>
          Resume
        </button>
      )}
      {button("test", "Send test event")}
      {button("edit", "Edit")}
      {button("reveal", "Reveal secret")}
      {button("rotate", "Rotate secret")}
      {/* The one of WEBHOOK_URL is there as long as that is set. */}
      {endpoint.id !== "default" && button("delete", "Delete")}
    </div>
  );
}
