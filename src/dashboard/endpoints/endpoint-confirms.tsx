import type { Endpoint } from "../api/schemas/webhooks.ts";
import { plural } from "../format/numbers.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { useServices } from "../services.ts";

interface EndpointConfirmProps {
  readonly endpoint: Endpoint;
  readonly close: () => void;
  readonly changed: () => void;
}

/** Asks before nothing is sent any more; resuming is one click. */
export function PauseDialog({ endpoint, close, changed }: EndpointConfirmProps) {
  const { api, notices } = useServices();
  const { id, stats } = endpoint;
  const act = async (): Promise<void> => {
    await api.endpoints.pause(id);
    notices.done(`Endpoint ${id} paused`, () => {
      void api.endpoints.resume(id).then(
        () => {
          notices.done(`Endpoint ${id} resumed`);
          changed();
        },
        (error: Error) => notices.problem(error.message),
      );
    });
    changed();
  };
  return (
    <ConfirmDialog title={`Pause ${id}?`} verb="Pause" act={act} close={close}>
      <p>
        Nothing is sent until it is resumed. {plural(stats.pending, "delivery", "deliveries")} on their way
        and all new ones wait; none is lost for 90 days.
      </p>
    </ConfirmDialog>
  );
}

export function DeleteEndpointDialog({ endpoint, close, changed }: EndpointConfirmProps) {
  const { api, notices } = useServices();
  const { id, stats } = endpoint;
  const waiting = stats.pending + stats.parked;
  const act = async (): Promise<void> => {
    await api.endpoints.delete(id);
    notices.done(`Endpoint ${id} deleted`);
    changed();
  };
  return (
    <ConfirmDialog title={`Delete ${id}?`} verb="Delete endpoint" act={act} close={close}>
      <p>
        {waiting === 0 ? (
          "No delivery is waiting."
        ) : (
          <>
            <strong>{plural(waiting, "waiting delivery", "waiting deliveries")}</strong> will not be sent;
            they are kept for 90 days.
          </>
        )}{" "}
        Its signing secret is forgotten.
      </p>
      <p class="muted">This cannot be undone. Pausing keeps everything.</p>
    </ConfirmDialog>
  );
}
