import type { RankedCustomer } from "../api/schemas/overview.ts";
import { formatShare, plural } from "../format/numbers.ts";
import { Card } from "../parts/card.tsx";
import { CustomerName } from "../parts/customer-name.tsx";
import { decimalsOf, Money } from "../parts/money.tsx";
import { SpendBar } from "../parts/spend-bar.tsx";
import { Empty } from "../parts/state.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";

function columns(rows: readonly RankedCustomer[]): Column<RankedCustomer>[] {
  const decimals = decimalsOf(rows.map(({ spend }) => spend));
  return [
    { id: "customer", label: "Customer", cell: (row) => <CustomerName id={row.user_id} alias={row.alias} /> },
    {
      id: "spend",
      label: "Spend",
      numeric: true,
      cell: (row) => <Money usd={row.spend} decimals={decimals} />,
    },
    {
      id: "bar",
      label: "Of budget",
      cell: (row) => <SpendBar spend={row.spend} held={null} max={row.max_budget} />,
    },
    {
      id: "share",
      label: "Share",
      numeric: true,
      hideLabel: true,
      cell: (row) => (row.utilization === null ? "" : formatShare(row.utilization)),
    },
  ];
}

const keyOf = (row: RankedCustomer): string => row.user_id;

export function TopCustomers({ rows }: { rows: readonly RankedCustomer[] }) {
  const all = address("customers", { sort: "spend", order: "desc" });
  return (
    <Card title="Top customers" aside={<Link to={all}>All customers</Link>} flush>
      {rows.length === 0 ? (
        <Empty title="No customer has spent anything" />
      ) : (
        <Table label="Top customers" columns={columns(rows)} rows={rows} keyOf={keyOf} />
      )}
    </Card>
  );
}

interface NearBudgetProps {
  readonly rows: readonly RankedCustomer[];
  readonly near: number;
  readonly over: number;
}

export function NearBudget({ rows, near, over }: NearBudgetProps) {
  const all = address("customers", { sort: "utilization", order: "desc" });
  const more = near - rows.length;
  return (
    <Card
      title="Near or over their budget"
      aside={<Link to={all}>{over > 0 ? `${plural(over, "customer")} over` : "By utilisation"}</Link>}
      flush
    >
      {rows.length === 0 ? (
        <Empty title="Nobody has used 80 % of a budget" />
      ) : (
        <Table
          label="Customers near or over their budget"
          columns={columns(rows)}
          rows={rows}
          keyOf={keyOf}
        />
      )}
      {more > 0 && <p class="card-note">and {plural(more, "customer")} more</p>}
    </Card>
  );
}
