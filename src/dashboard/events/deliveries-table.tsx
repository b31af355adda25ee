import type { Delivery } from "../api/schemas/webhooks.ts";
import { formatSpan } from "../format/dates.ts";
import { reasonText } from "../format/reasons.ts";
import { CustomerName } from "../parts/customer-name.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Ago, Until } from "../parts/time.tsx";
import { Link } from "../routing/link.tsx";
import type { FilterState } from "../routing/use-place.ts";
import { StateBadge } from "./state-badge.tsx";

export function DeliveriesTable({ rows, filters }: { rows: readonly Delivery[]; filters: FilterState }) {
  const columns = [opensColumn(filters), ...COLUMNS];
  return <Table label="Events" columns={columns} rows={rows} keyOf={(row) => row.id} />;
}

function opensColumn(filters: FilterState): Column<Delivery> {
  return {
    id: "event",
    label: "Event",
    cell: (row) => (
      <Link class="name-id" to={filters.with({ id: row.id })} label={`${row.event}, ${row.event_id}`}>
        {row.event}
      </Link>
    ),
  };
}

/** From the event to its delivery. */
function lag({ created_at: created, finished_at: finished }: Delivery): string {
  if (finished === null) return "–";
  const ms = Math.max(0, Date.parse(finished) - Date.parse(created));
  return ms < 1000 ? `${ms} ms` : formatSpan(ms);
}

const COLUMNS: readonly Column<Delivery>[] = [
  {
    id: "customer",
    label: "Customer",
    cell: (row) =>
      row.customer_id === null ? <span class="muted">–</span> : <CustomerName id={row.customer_id} />,
  },
  { id: "endpoint", label: "Endpoint", cell: (row) => <span class="clip">{row.endpoint_id}</span> },
  {
    id: "state",
    label: "State",
    cell: (row) => <StateBadge state={row.state} attempts={row.attempts} />,
  },
  {
    id: "last",
    label: "Last result",
    cell: (row) => (
      <span class="stacked">
        <span class={row.last_code === null ? "muted" : undefined}>
          {row.last_code === null ? "not tried" : reasonText(row.last_code)}
        </span>
        {row.state === "pending" && row.attempts > 0 && (
          <span class="muted small">
            next try <Until at={row.due_at} />
          </span>
        )}
      </span>
    ),
  },
  { id: "lag", label: "Took", numeric: true, cell: lag },
  { id: "created", label: "When", cell: (row) => <Ago at={row.created_at} /> },
];
