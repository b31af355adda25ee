import { useState } from "preact/hooks";
import { curlChat } from "../format/curl.ts";
import { Pager } from "../parts/pager.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLiveReload } from "../parts/use-live.ts";
import { useLoad } from "../parts/use-load.ts";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { DeliveriesTable } from "./deliveries-table.tsx";
import { DeliveryPanel } from "./delivery-panel.tsx";
import { EventFilters, isFiltered, readEventFilter } from "./event-filters.tsx";
import { ReplayDialog } from "./replay-dialog.tsx";
import { TestEventDialog } from "./test-event-dialog.tsx";

const PAGE_SIZE = 50;
const RELOAD_MS = 2000;

/** Every event and what became of it, newest first. */
export function EventsPage() {
  const { api } = useServices();
  const filters = useFilters();
  const cursor = filters.get("cursor");
  const query = { ...readEventFilter(filters.get), cursor, limit: PAGE_SIZE };
  const deliveries = useLoad(JSON.stringify(query), (signal) => api.deliveries.list(query, signal));
  const endpoints = useLoad("endpoints", (signal) => api.endpoints.list(signal));
  const [open, setOpen] = useState<"test" | "replay" | null>(null);
  // New events come to the first page; later pages stand still while they are read.
  useLiveReload(deliveries.reload, { everyMs: RELOAD_MS, when: () => cursor === null });
  const ids = (endpoints.data ?? []).map(({ id }) => id);
  const shown = filters.get("id");
  const close = (): void => setOpen(null);
  return (
    <>
      <PageHeader title="Events">
        <button type="button" class="button" onClick={() => setOpen("test")} disabled={ids.length === 0}>
          Send test event
        </button>
        <button type="button" class="button" onClick={() => setOpen("replay")} disabled={ids.length === 0}>
          Replay
        </button>
      </PageHeader>
      <EventFilters filters={filters} endpoints={ids} />
      <section class="card" aria-label="Events">
        <Show of={deliveries} lines={10}>
          {({ rows, nextCursor }) => (
            <>
              {rows.length === 0 ? (
                <NoEvents filtered={isFiltered(filters.get)} hasEndpoint={ids.length > 0} />
              ) : (
                <DeliveriesTable rows={rows} filters={filters} />
              )}
              <Pager filters={filters} shown={rows.length} noun="events" nextCursor={nextCursor} />
            </>
          )}
        </Show>
      </section>
      {shown !== null && (
        <DeliveryPanel
          key={shown}
          id={shown}
          close={() => filters.set({ id: null })}
          changed={deliveries.reload}
        />
      )}
      {open === "test" && <TestEventDialog endpoints={ids} close={close} />}
      {open === "replay" && <ReplayDialog endpoints={ids} close={close} done={deliveries.reload} />}
    </>
  );
}

function NoEvents({ filtered, hasEndpoint }: { filtered: boolean; hasEndpoint: boolean }) {
  if (filtered) return <Empty title="No event matches">Change the filters to see more.</Empty>;
  const curl = curlChat(window.location.origin, "my-customer-id");
  return (
    <Empty title="No events yet" curl={curl}>
      {hasEndpoint ? (
        "Each charged call sends one."
      ) : (
        <>
          Each charged call makes one. It is sent to <Link to={address("endpoints")}>endpoints</Link>, of
          which there are none yet.
        </>
      )}
    </Empty>
  );
}
