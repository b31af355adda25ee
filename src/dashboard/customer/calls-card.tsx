import { useState } from "preact/hooks";
import type { Call } from "../api/schemas/customers.ts";
import { curlChat } from "../format/curl.ts";
import { formatClock, formatInstant } from "../format/dates.ts";
import { formatCount } from "../format/numbers.ts";
import { Badge } from "../parts/badge.tsx";
import { Card } from "../parts/card.tsx";
import { decimalsOf, Money } from "../parts/money.tsx";
import { MoreButton } from "../parts/more-button.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { usePages } from "../parts/use-pages.ts";
import { useServices } from "../services.ts";
import { ExplainDialog } from "./explain-dialog.tsx";

const PAGE_SIZE = 20;

function columns(rows: readonly Call[], explain: (call: Call) => void): Column<Call>[] {
  const decimals = decimalsOf(rows.map(({ cost }) => cost));
  return [
    {
      id: "time",
      label: "Time",
      cell: (row) => (
        <time dateTime={row.created_at} title={formatInstant(row.created_at)}>
          {formatClock(row.created_at)}
        </time>
      ),
    },
    {
      id: "model",
      label: "Model",
      cell: (row) => (
        <span class="name-line">
          <span class="clip">{row.model}</span>
          {row.estimated && (
            <Badge title="The upstream reported no usage: tokens were counted here">estimated</Badge>
          )}
          {row.unpriced && <Badge tone="warn">unpriced</Badge>}
        </span>
      ),
    },
    {
      id: "tokens",
      label: "Tokens in / out",
      numeric: true,
      cell: (row) => `${formatCount(row.prompt_tokens)} / ${formatCount(row.completion_tokens)}`,
    },
    { id: "cost", label: "Cost", numeric: true, cell: (row) => <Money usd={row.cost} decimals={decimals} /> },
    {
      id: "explain",
      label: "Explain",
      hideLabel: true,
      cell: (row) => (
        <button
          type="button"
          class="button button-quiet"
          aria-label={`Explain this charge, number ${row.sequence}`}
          title="Explain this charge"
          onClick={() => explain(row)}
        >
          Explain
        </button>
      ),
    },
  ];
}

/** What was charged, newest first. */
export function CallsCard({ id, version }: { id: string; version: number }) {
  const { api } = useServices();
  const calls = usePages(`${id} ${version}`, (cursor, signal) =>
    api.customers.calls(id, { cursor, limit: PAGE_SIZE }, signal),
  );
  const [explained, setExplained] = useState<Call | null>(null);
  return (
    <Card title="Recent calls" flush>
      <Show of={calls}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No call was charged yet" curl={curlChat(window.location.origin, id)} />
          ) : (
            <Table
              label="Recent calls"
              columns={columns(rows, setExplained)}
              rows={rows}
              keyOf={(row) => row.request_id}
            />
          )
        }
      </Show>
      <MoreButton pages={calls} label="Older calls" />
      {explained !== null && (
        <ExplainDialog requestId={explained.request_id} close={() => setExplained(null)} />
      )}
    </Card>
  );
}
