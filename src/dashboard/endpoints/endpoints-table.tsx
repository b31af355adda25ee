import type { Endpoint } from "../api/schemas/webhooks.ts";
import { formatSpan } from "../format/dates.ts";
import { formatCount, formatShare } from "../format/numbers.ts";
import { reasonText } from "../format/reasons.ts";
import { Badge, type Tone } from "../parts/badge.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { Link } from "../routing/link.tsx";
import type { FilterState } from "../routing/use-place.ts";

export function EndpointsTable({ rows, filters }: { rows: readonly Endpoint[]; filters: FilterState }) {
  const columns = [opensColumn(filters), ...COLUMNS];
  return <Table label="Endpoints" columns={columns} rows={rows} keyOf={(row) => row.id} />;
}

function opensColumn(filters: FilterState): Column<Endpoint> {
  return {
    id: "url",
    label: "Endpoint",
    cell: (row) => (
      <span class="stacked">
        <Link class="name-id" to={filters.with({ id: row.id })} title={row.url}>
          {row.url}
        </Link>
        <span class="muted small">
          {row.id}
          {row.description !== null && row.description !== "" && ` · ${row.description}`}
        </span>
      </span>
    ),
  };
}

const STATES: Readonly<Record<Endpoint["state"], Tone>> = {
  enabled: "good",
  paused: "warn",
  disabled: "bad",
};

export function EndpointState({ endpoint }: { endpoint: Endpoint }) {
  const { state, disabled_reason: reason } = endpoint;
  return (
    <span class="badges">
      <Badge tone={STATES[state]}>{state}</Badge>
      {state === "disabled" && reason !== null && <span class="muted small">{reasonText(reason)}</span>}
    </span>
  );
}

const BREAKERS: Readonly<Record<Endpoint["stats"]["breaker"], readonly [Tone, string, string]>> = {
  closed: ["plain", "closed", "Events flow"],
  half_open: ["warn", "half open", "One event is sent to see whether it works again"],
  open: ["bad", "open", "It keeps failing: events wait and one is tried now and then"],
};

export function Breaker({ state }: { state: Endpoint["stats"]["breaker"] }) {
  const [tone, text, title] = BREAKERS[state];
  return (
    <Badge tone={tone} title={title}>
      {text}
    </Badge>
  );
}

export function successText(rate: number | null): string {
  return rate === null ? "–" : formatShare(rate);
}

export function lagText(seconds: number | null): string {
  return seconds === null || seconds === 0 ? "none" : formatSpan(seconds * 1000);
}

const COLUMNS: readonly Column<Endpoint>[] = [
  { id: "state", label: "State", cell: (row) => <EndpointState endpoint={row} /> },
  { id: "rate", label: "Success, 24 h", numeric: true, cell: (row) => successText(row.stats.success_rate) },
  {
    id: "waiting",
    label: "Waiting",
    numeric: true,
    cell: (row) => formatCount(row.stats.pending + row.stats.parked),
  },
  { id: "lag", label: "Lag", numeric: true, cell: (row) => lagText(row.stats.lag_seconds) },
  { id: "breaker", label: "Breaker", cell: (row) => <Breaker state={row.stats.breaker} /> },
  { id: "last", label: "Last success", cell: (row) => <Ago at={row.stats.last_success_at} /> },
];
