import type { CustomerDetail } from "../api/schemas/customers.ts";
import { ApiError } from "../api/api-error.ts";
import { DeliveryPanel } from "../events/delivery-panel.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { useBudgets } from "../parts/use-budgets.ts";
import { useLiveReload } from "../parts/use-live.ts";
import { type Loaded, useLoad } from "../parts/use-load.ts";
import { curlChat } from "../format/curl.ts";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { concerns } from "./concerns.ts";
import { BurnDownCard } from "./burn-down-card.tsx";
import { CallsCard } from "./calls-card.tsx";
import { CustomerHeader } from "./customer-header.tsx";
import { CustomerStats } from "./customer-stats.tsx";
import { DeliveriesCard } from "./deliveries-card.tsx";
import { ModelsCard } from "./models-card.tsx";
import { TimelineCard } from "./timeline-card.tsx";

const RELOAD_MS = 700;

/** One customer: how it stands, what it spent on, what it was told, and what can be changed. */
export function CustomerPage({ id }: { id: string }) {
  const { api } = useServices();
  const customer = useLoad(id, (signal) => api.customers.show(id, signal));
  useLiveReload(customer.reload, { everyMs: RELOAD_MS, when: concerns(id) });
  if (customer.error instanceof ApiError && customer.error.status === 404) return <NoCustomer id={id} />;
  return (
    <>
      <p class="crumbs">
        <Link to={address("customers")}>Customers</Link>
      </p>
      {customer.data === null && <PageHeader title={id} />}
      <Show of={customer} lines={10}>
        {(data) => <CustomerBody customer={data} loaded={customer} />}
      </Show>
    </>
  );
}

function NoCustomer({ id }: { id: string }) {
  return (
    <>
      <PageHeader title={id} />
      <section class="card">
        <Empty title="There is no such customer" curl={curlChat(window.location.origin, id)}>
          It comes into being with the first call that names it.{" "}
          <Link to={address("customers")}>All customers</Link>
        </Empty>
      </section>
    </>
  );
}

function CustomerBody({ customer, loaded }: { customer: CustomerDetail; loaded: Loaded<CustomerDetail> }) {
  const budgets = useBudgets();
  const version = customer.sequence;
  const id = customer.user_id;
  const filters = useFilters();
  const delivery = filters.get("delivery");
  return (
    <>
      <CustomerHeader customer={customer} budgets={budgets} changed={loaded.reload} />
      <CustomerStats customer={customer} budgets={budgets} />
      <div class="columns columns-wide-left">
        <div class="column">
          <BurnDownCard customer={customer} budgets={budgets} />
          <CallsCard id={id} version={version} />
        </div>
        <div class="column">
          <ModelsCard customer={customer} />
          <TimelineCard id={id} />
          <DeliveriesCard id={id} version={version} />
        </div>
      </div>
      {delivery !== null && (
        <DeliveryPanel
          key={delivery}
          id={delivery}
          close={() => filters.set({ delivery: null })}
          changed={loaded.reload}
        />
      )}
    </>
  );
}
