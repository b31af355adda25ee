import type { Model } from "../api/schemas/overview.ts";
import { formatCount, plural } from "../format/numbers.ts";
import { Badge } from "../parts/badge.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";

/** What callers may name, what it costs, and who says so. */
export function ModelsPage() {
  const { api } = useServices();
  const models = useLoad("models", (signal) => api.models(signal));
  return (
    <>
      <PageHeader title="Models" />
      <Show of={models}>
        {(rows) => (
          <>
            <Unpriced rows={rows} />
            <section class="card" aria-label="Models">
              {rows.length === 0 ? (
                <Empty title="No models">
                  They come from <code>model_list</code> in config.yaml.
                </Empty>
              ) : (
                <Table label="Models" columns={COLUMNS} rows={rows} keyOf={(row) => row.deployment_id} />
              )}
            </section>
            <p class="muted small">Prices in USD per million tokens, as they are in force now.</p>
          </>
        )}
      </Show>
    </>
  );
}

function Unpriced({ rows }: { rows: readonly Model[] }) {
  const unpriced = rows.filter((row) => row.price === null);
  if (unpriced.length === 0) return null;
  const calls = unpriced.reduce((sum, row) => sum + row.unpriced_calls, 0);
  return (
    <div class="callout callout-warn">
      <p>
        <strong>{plural(unpriced.length, "deployment")} without a price.</strong> {plural(calls, "call")}{" "}
        charged $0 so far. Set <code>input_cost_per_token</code> and <code>output_cost_per_token</code> in
        config.yaml.
      </p>
    </div>
  );
}

function price(kind: keyof NonNullable<Model["price"]>): (row: Model) => string {
  return (row) => {
    const usd = row.price?.[kind] ?? null;
    return usd === null
      ? "–"
      : `$${usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 })}`;
  };
}

const COLUMNS: readonly Column<Model>[] = [
  {
    id: "name",
    label: "Model",
    cell: (row) => (
      <span class="stacked">
        <span class="name-id">{row.model_name}</span>
        <span class="muted small clip" title={row.deployment_id}>
          {row.deployment_id}
        </span>
      </span>
    ),
  },
  {
    id: "upstream",
    label: "Upstream",
    cell: (row) => (
      <span class="stacked">
        <span class="clip">{row.upstream_model}</span>
        <span class="muted small">
          {row.provider}
          {row.region !== null && `, ${row.region}`}
        </span>
      </span>
    ),
  },
  { id: "input", label: "Input", numeric: true, cell: price("input") },
  { id: "output", label: "Output", numeric: true, cell: price("output") },
  { id: "cache", label: "Cached", numeric: true, cell: price("cache_read") },
  { id: "source", label: "Price from", cell: (row) => <Source source={row.source} /> },
  {
    id: "limit",
    label: "Longest answer",
    numeric: true,
    cell: (row) => (row.max_output_tokens === null ? "–" : formatCount(row.max_output_tokens)),
  },
  {
    id: "unpriced",
    label: "Unpriced calls",
    numeric: true,
    cell: (row) =>
      row.unpriced_calls === 0 ? "0" : <Badge tone="warn">{formatCount(row.unpriced_calls)}</Badge>,
  },
];

function Source({ source }: { source: Model["source"] }) {
  if (source === null) return <Badge tone="warn">no price</Badge>;
  if (source === "deployment") return <Badge title="From config.yaml">deployment</Badge>;
  return <Badge title="The list of prices that ships with this version">genai-prices</Badge>;
}
