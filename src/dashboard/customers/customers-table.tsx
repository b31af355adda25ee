import type { CustomerFilter } from "../api/customers.ts";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { Customer } from "../api/schemas/customers.ts";
import { formatShare } from "../format/numbers.ts";
import { BudgetName } from "../parts/budget-name.tsx";
import { Badge } from "../parts/badge.tsx";
import { CustomerName } from "../parts/customer-name.tsx";
import { decimalsOf, Money } from "../parts/money.tsx";
import { SpendBar } from "../parts/spend-bar.tsx";
import { type Column, type Sorting, Table } from "../parts/table.tsx";
import { Ago, Until } from "../parts/time.tsx";
import type { FilterState } from "../routing/use-place.ts";
import { SelectAll, SelectOne } from "./select-boxes.tsx";
import type { Selection } from "./use-selection.ts";

interface CustomersTableProps {
  readonly rows: readonly Customer[];
  readonly filters: FilterState;
  readonly filter: CustomerFilter & { readonly sort: string; readonly order: "asc" | "desc" };
  readonly selection: Selection;
  readonly budgets: readonly UsedBudget[];
}

export function CustomersTable({ rows, filters, filter, selection, budgets }: CustomersTableProps) {
  const sorting: Sorting = {
    by: filter.sort,
    order: filter.order,
    change: (sort, order) => filters.set({ sort, order, cursor: null }),
  };
  return (
    <>
      <p class="select-all">
        <SelectAll rows={rows} selection={selection} label="Select this page" />
      </p>
      <Table
        label="Customers"
        columns={[
          selectColumn(rows, selection),
          NAME,
          ...spendColumns(rows),
          budgetColumn(budgets),
          ...TIME_COLUMNS,
        ]}
        rows={rows}
        keyOf={(row) => row.user_id}
        sorting={sorting}
        rowClass={(row) => (selection.chosen.has(row.user_id) ? "row-selected" : undefined)}
      />
    </>
  );
}

function selectColumn(rows: readonly Customer[], selection: Selection): Column<Customer> {
  return {
    id: "select",
    label: "Select",
    hideLabel: true,
    heading: <SelectAll rows={rows} selection={selection} />,
    cell: (row) => <SelectOne row={row} selection={selection} />,
  };
}

const NAME: Column<Customer> = {
  id: "user_id",
  label: "Customer",
  sortable: "asc",
  cell: (row) => (
    <span class="name-line">
      <CustomerName id={row.user_id} alias={row.alias} />
      {row.blocked && <Badge tone="bad">blocked</Badge>}
    </span>
  ),
};

function spendColumns(rows: readonly Customer[]): Column<Customer>[] {
  const decimals = decimalsOf(rows.map(({ spend }) => spend));
  return [
    {
      id: "spend",
      label: "Spend",
      numeric: true,
      sortable: "desc",
      cell: (row) => <Money usd={row.spend} decimals={decimals} />,
    },
    {
      id: "bar",
      label: "Of budget",
      cell: (row) => <SpendBar spend={row.spend} held={row.held} max={row.max_budget} />,
    },
    {
      id: "utilization",
      label: "Used",
      numeric: true,
      sortable: "desc",
      cell: (row) => <Used customer={row} />,
    },
  ];
}

function Used({ customer: { utilization } }: { customer: Customer }) {
  if (utilization === null) return <span class="muted">–</span>;
  const tone = utilization >= 1 ? "text-bad" : utilization >= 0.8 ? "text-warn" : undefined;
  return <span class={tone}>{formatShare(utilization)}</span>;
}

function budgetColumn(budgets: readonly UsedBudget[]): Column<Customer> {
  return {
    id: "budget",
    label: "Budget",
    cell: (row) => (
      <span class="stacked">
        <BudgetName customer={row} budgets={budgets} />
        {row.max_budget !== null && (
          <span class="muted small">
            <Money usd={row.max_budget} />
          </span>
        )}
      </span>
    ),
  };
}

const TIME_COLUMNS: readonly Column<Customer>[] = [
  { id: "reset", label: "Resets", cell: (row) => <Until at={row.budget_reset_at} /> },
  {
    id: "last_call_at",
    label: "Last call",
    sortable: "desc",
    cell: (row) => <Ago at={row.last_call_at} />,
  },
];
