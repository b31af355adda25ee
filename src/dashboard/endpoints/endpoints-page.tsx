import { useState } from "preact/hooks";
import { curlPost } from "../format/curl.ts";
import { Icon } from "../parts/icon.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLiveReload } from "../parts/use-live.ts";
import { useLoad } from "../parts/use-load.ts";
import { usePolling } from "../parts/use-polling.ts";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { AddEndpointDialog } from "./endpoint-dialogs.tsx";
import { EndpointPanel } from "./endpoint-panel.tsx";
import { EndpointsTable } from "./endpoints-table.tsx";
import { SecretDialog } from "./secret-dialogs.tsx";

const RELOAD_MS = 3000;
/** Attempts send no message. */
const POLL_MS = 4000;

type Open = { kind: "add" } | { kind: "added"; id: string; secret: string };

/** Where events go, and how each of them is doing. */
export function EndpointsPage() {
  const { api } = useServices();
  const filters = useFilters();
  const endpoints = useLoad("endpoints", (signal) => api.endpoints.list(signal));
  const [open, setOpen] = useState<Open | null>(null);
  useLiveReload(endpoints.reload, { everyMs: RELOAD_MS, when: () => true });
  usePolling(endpoints.reload, POLL_MS);
  const close = (): void => setOpen(null);
  const shown = endpoints.data?.find(({ id }) => id === filters.get("id"));
  return (
    <>
      <PageHeader title="Endpoints">
        <button type="button" class="button button-primary" onClick={() => setOpen({ kind: "add" })}>
          <Icon name="plus" /> Add endpoint
        </button>
      </PageHeader>
      <section class="card" aria-label="Endpoints">
        <Show of={endpoints}>
          {(rows) => (rows.length === 0 ? <NoEndpoints /> : <EndpointsTable rows={rows} filters={filters} />)}
        </Show>
      </section>
      {shown !== undefined && (
        <EndpointPanel endpoint={shown} close={() => filters.set({ id: null })} changed={endpoints.reload} />
      )}
      {open?.kind === "add" && (
        <AddEndpointDialog
          close={close}
          added={({ id, secret }) => {
            setOpen({ kind: "added", id, secret });
            endpoints.reload();
          }}
        />
      )}
      {open?.kind === "added" && (
        <SecretDialog
          title={`Endpoint ${open.id} added`}
          secret={open.secret}
          note="Your receiver verifies events with this signing secret."
          close={close}
        />
      )}
    </>
  );
}

function NoEndpoints() {
  const curl = curlPost(`${window.location.origin}/webhook/endpoints`, {
    url: "https://example.com/webhook",
  });
  return (
    <Empty title="No endpoints yet" curl={curl}>
      Each event is sent to every endpoint that wants it, signed, until it is accepted.
    </Empty>
  );
}
