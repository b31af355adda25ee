import { useState } from "preact/hooks";
import { addressOf } from "../api/send.ts";
import { curlPost } from "../format/curl.ts";
import { Icon } from "../parts/icon.tsx";
import { Pager } from "../parts/pager.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useBudgets } from "../parts/use-budgets.ts";
import { useFilters } from "../routing/use-place.ts";
import { CustomersTable } from "./customers-table.tsx";
import { readCustomerFilter } from "./customer-filters.ts";
import { FilterBar } from "./filter-bar.tsx";
import { NewCustomerDialog } from "./new-customer-dialog.tsx";
import { SelectionBar } from "./selection-bar.tsx";
import { useCustomers } from "./use-customers.ts";
import { useSelection } from "./use-selection.ts";

/** Who spends what: find, sort, select, and act on one or many. */
export function CustomersPage() {
  const filters = useFilters();
  const filter = readCustomerFilter(filters.get);
  const customers = useCustomers(filter, filters.get("cursor"));
  const selection = useSelection();
  const budgets = useBudgets();
  const [isCreating, setIsCreating] = useState(false);
  const filtered = ["search", "budget_id", "blocked"].some((name) => filters.get(name) !== null);
  return (
    <>
      <PageHeader title="Customers">
        <a class="button" href={addressOf({ path: "/customer/export.csv", query: filter })} download>
          <Icon name="download" /> Export CSV
        </a>
        <button type="button" class="button button-primary" onClick={() => setIsCreating(true)}>
          <Icon name="plus" /> New Customer
        </button>
      </PageHeader>
      <FilterBar filters={filters} budgets={budgets} />
      <section class="card" aria-label="Customers">
        <Show of={customers} lines={10}>
          {({ rows, nextCursor }) => (
            <>
              {rows.length === 0 ? (
                <NoCustomers filtered={filtered} />
              ) : (
                <CustomersTable {...{ rows, filters, filter, selection, budgets }} />
              )}
              <Pager filters={filters} shown={rows.length} noun="customers" nextCursor={nextCursor} />
            </>
          )}
        </Show>
      </section>
      <SelectionBar selection={selection} budgets={budgets} changed={customers.reload} />
      {isCreating && (
        <NewCustomerDialog budgets={budgets} close={() => setIsCreating(false)} created={customers.reload} />
      )}
    </>
  );
}

function NoCustomers({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No customer matches">
        The search finds ids and aliases that begin with it. Change the filters to see more.
      </Empty>
    );
  }
  const curl = curlPost(`${window.location.origin}/customer/new`, {
    user_id: "my-customer-id",
    max_budget: 4,
  });
  return (
    <Empty title="No customers yet" curl={curl}>
      A customer also comes into being with the first call that names it.
    </Empty>
  );
}
