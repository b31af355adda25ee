import type { UsedBudget } from "../api/schemas/budgets.ts";
import { formatDuration } from "../format/durations.ts";
import { formatCount, plural } from "../format/numbers.ts";
import { Badge } from "../parts/badge.tsx";
import { decimalsOf, Money } from "../parts/money.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Until } from "../parts/time.tsx";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";
import { percentText } from "./budget-values.ts";

interface BudgetsTableProps {
  readonly rows: readonly UsedBudget[];
  readonly edit: (budget: UsedBudget) => void;
  readonly remove: (budget: UsedBudget) => void;
}

export function BudgetsTable({ rows, edit, remove }: BudgetsTableProps) {
  return (
    <Table
      label="Budgets"
      columns={[...amountColumns(rows), ...LIMIT_COLUMNS, actionsColumn(edit, remove)]}
      rows={rows}
      keyOf={(row) => row.budget_id}
    />
  );
}

function amountColumns(rows: readonly UsedBudget[]): Column<UsedBudget>[] {
  const decimals = decimalsOf(rows.flatMap((row) => [row.max_budget, row.soft_budget]));
  const amount = (usd: number | null, none: string) =>
    usd === null ? <span class="muted">{none}</span> : <Money usd={usd} decimals={decimals} />;
  return [
    { id: "id", label: "Budget ID", cell: (row) => <span class="name-id">{row.budget_id}</span> },
    { id: "max", label: "Max", numeric: true, cell: (row) => amount(row.max_budget, "no limit") },
    { id: "soft", label: "Soft", numeric: true, cell: (row) => amount(row.soft_budget, "–") },
  ];
}

const LIMIT_COLUMNS: readonly Column<UsedBudget>[] = [
  {
    id: "reset",
    label: "Reset",
    cell: (row) => (
      <span class="stacked">
        <span>{formatDuration(row.budget_duration)}</span>
        {row.budget_reset_at !== null && (
          <span class="muted small">
            <Until at={row.budget_reset_at} />
          </span>
        )}
      </span>
    ),
  },
  { id: "limits", label: "Limits", cell: (row) => <Limits budget={row} /> },
  { id: "enforcement", label: "Enforcement", cell: (row) => <Enforcement budget={row} /> },
  {
    id: "customers",
    label: "Customers",
    numeric: true,
    cell: (row) => (
      <Link
        to={address("customers", { budget_id: row.budget_id })}
        label={`${plural(row.customers, "customer")} on ${row.budget_id}`}
      >
        {formatCount(row.customers)}
      </Link>
    ),
  },
  { id: "use", label: "Use", cell: (row) => <Use budget={row} /> },
];

function Limits({ budget }: { budget: UsedBudget }) {
  const parts = [
    budget.rpm_limit !== null && `${formatCount(budget.rpm_limit)} RPM`,
    budget.tpm_limit !== null && `${formatCount(budget.tpm_limit)} TPM`,
    budget.max_parallel_requests !== null && `${formatCount(budget.max_parallel_requests)} at once`,
    budget.model_max_budget !== null &&
      plural(Object.keys(budget.model_max_budget).length, "model limit", "model limits"),
  ].filter((part) => part !== false);
  return parts.length === 0 ? <span class="muted">–</span> : <span>{parts.join(" · ")}</span>;
}

function Enforcement({ budget }: { budget: UsedBudget }) {
  const { thresholds, budget_enforcement: enforcement } = budget;
  const title =
    thresholds === null
      ? "Told at the usual thresholds"
      : `Told at ${thresholds.map(percentText).join(", ")} %`;
  return <Badge title={title}>{enforcement}</Badge>;
}

function Use({ budget }: { budget: UsedBudget }) {
  const { customers, over } = budget;
  // Those over it are near it as well.
  const near = budget.near - over;
  if (customers === 0) return <span class="muted">–</span>;
  if (over === 0 && near === 0) return <Badge tone="good">all below 80 %</Badge>;
  return (
    <span class="badges">
      {over > 0 && <Badge tone="bad">{formatCount(over)} over</Badge>}
      {near > 0 && <Badge tone="warn">{formatCount(near)} near</Badge>}
    </span>
  );
}

function actionsColumn(
  edit: (budget: UsedBudget) => void,
  remove: (budget: UsedBudget) => void,
): Column<UsedBudget> {
  return {
    id: "actions",
    label: "Actions",
    hideLabel: true,
    cell: (row) => (
      <span class="row-actions">
        <button
          type="button"
          class="button button-quiet"
          aria-label={`Edit ${row.budget_id}`}
          onClick={() => edit(row)}
        >
          Edit
        </button>
        <button
          type="button"
          class="button button-quiet"
          aria-label={`Delete ${row.budget_id}`}
          onClick={() => remove(row)}
        >
          Delete
        </button>
      </span>
    ),
  };
}
