import type { Overview } from "../api/schemas/overview.ts";
import { dayOf } from "../format/dates.ts";
import { curlChat } from "../format/curl.ts";
import { Card } from "../parts/card.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLiveReload } from "../parts/use-live.ts";
import { useLoad } from "../parts/use-load.ts";
import { usePolling } from "../parts/use-polling.ts";
import { useNow } from "../parts/use-now.ts";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { OverviewStats } from "./overview-stats.tsx";
import { type DayRange, lengthOf, readRange } from "./range.ts";
import { RangePicker } from "./range-picker.tsx";
import { NearBudget, TopCustomers } from "./ranked-customers.tsx";
import { RefusedCalls, UnpricedCalls, WebhookHealth } from "./troubles.tsx";
import { SpendChart } from "./spend-chart.tsx";

const RELOAD_MS = 1000;
/** Deliveries and limits that are passed by the calendar send no message. */
const POLL_MS = 15_000;

/** How spending stands, and what needs looking at. */
export function OverviewPage() {
  const { api } = useServices();
  const filters = useFilters();
  // The day may end while the page is open.
  const today = dayOf(useNow(60_000));
  const range = readRange(filters.get, Date.parse(today));
  const overview = useLoad(`${range.from} ${range.to}`, (signal) => api.overview(range, signal));
  useLiveReload(overview.reload, { everyMs: RELOAD_MS, when: () => true });
  usePolling(overview.reload, POLL_MS);
  return (
    <>
      <PageHeader title="Overview">
        <RangePicker filters={filters} range={range} />
      </PageHeader>
      <Show of={overview} lines={12}>
        {(data) => <OverviewBody data={data} range={range} />}
      </Show>
    </>
  );
}

function OverviewBody({ data, range }: { data: Overview; range: DayRange }) {
  const isEmpty = data.range.calls === 0;
  return (
    <>
      <OverviewStats data={data} days={lengthOf(range)} />
      <Card title="Spend per day, by model">
        {isEmpty ? (
          <Empty title="No calls in these days" curl={curlChat(window.location.origin, "my-customer-id")}>
            Make one: it is charged to the customer named in <code>user</code>.
          </Empty>
        ) : (
          <SpendChart days={data.days} />
        )}
      </Card>
      <div class="columns">
        <TopCustomers rows={data.top_customers} />
        <NearBudget rows={data.near_budget} near={data.near_count} over={data.over_count} />
      </div>
      <div class="columns columns-three">
        <RefusedCalls refused={data.refused} />
        <UnpricedCalls unpriced={data.unpriced} />
        <WebhookHealth webhooks={data.webhooks} />
      </div>
    </>
  );
}
