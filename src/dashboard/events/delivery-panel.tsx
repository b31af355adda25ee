import { useEffect } from "preact/hooks";
import type { DeliveryDetail } from "../api/schemas/webhooks.ts";
import { formatInstant } from "../format/dates.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { CustomerName } from "../parts/customer-name.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Fact } from "../parts/fact.tsx";
import { Icon } from "../parts/icon.tsx";
import { Show } from "../parts/state.tsx";
import { Until } from "../parts/time.tsx";
import { useAction } from "../parts/use-action.ts";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";
import { AttemptList } from "./attempt-list.tsx";
import { EventText } from "./event-body.tsx";
import { StateBadge } from "./state-badge.tsx";

const WATCH_MS = 1500;

interface DeliveryPanelProps {
  readonly id: string;
  readonly close: () => void;
  readonly changed: () => void;
}

/** One event to one endpoint: what was sent, how it was signed, and what came back each time. */
export function DeliveryPanel({ id, close, changed }: DeliveryPanelProps) {
  const { api } = useServices();
  const delivery = useLoad(id, (signal) => api.deliveries.show(id, signal));
  const { reload } = delivery;
  const isOpen = delivery.data?.state === "pending";
  useEffect(() => {
    if (!isOpen) return undefined;
    const timer = setInterval(reload, WATCH_MS);
    return () => clearInterval(timer);
  }, [isOpen, reload]);
  const resent = (): void => {
    reload();
    changed();
  };
  return (
    <Dialog title={delivery.data?.event ?? "Event"} close={close} kind="panel">
      <div class="dialog-body">
        <Show of={delivery} lines={8}>
          {(data) => (
            <>
              <Summary delivery={data} resent={resent} />
              <h3>Attempts</h3>
              <AttemptList attempts={data.attempts} />
              <EventText body={data.body} />
            </>
          )}
        </Show>
      </div>
    </Dialog>
  );
}

function Summary({ delivery, resent }: { delivery: DeliveryDetail; resent: () => void }) {
  const { api, notices } = useServices();
  const resend = useAction(async () => {
    await api.deliveries.resend(delivery.id);
    notices.done("Sent once more, with the same id and body");
    resent();
  });
  return (
    <>
      <div class="panel-line">
        <StateBadge state={delivery.state} attempts={delivery.attempts.at(-1)?.number ?? 0} />
        {delivery.state === "pending" && (
          <span class="muted">
            next try <Until at={delivery.due_at} />
          </span>
        )}
        <button type="button" class="button" onClick={resend.run} aria-disabled={resend.busy}>
          <Icon name="refresh" /> Resend
        </button>
      </div>
      <dl class="facts">
        <Fact name="Customer">
          {delivery.customer_id === null ? "–" : <CustomerName id={delivery.customer_id} />}
        </Fact>
        <Fact name="Endpoint">{delivery.endpoint_id}</Fact>
        <Fact name="Event">
          <span class="mono">
            {delivery.event_id} <CopyButton text={delivery.event_id} label="Copy the event id" />
          </span>
        </Fact>
        <Fact name="Created">{formatInstant(delivery.created_at)}</Fact>
        {delivery.finished_at !== null && <Fact name="Finished">{formatInstant(delivery.finished_at)}</Fact>}
        {delivery.batch_id !== null && (
          <Fact name="Told in">
            <span class="mono">{delivery.batch_id}</span>
          </Fact>
        )}
      </dl>
    </>
  );
}
