import { StateBadge } from "../events/state-badge.tsx";
import { Card } from "../parts/card.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { useLoad } from "../parts/use-load.ts";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";

const MOST = 10;

/** The last deliveries about the customer, each leading to its attempts. */
export function DeliveriesCard({ id, version }: { id: string; version: number }) {
  const { api } = useServices();
  const deliveries = useLoad(`${id} ${version}`, (signal) =>
    api.deliveries.list({ customer_id: id, limit: MOST }, signal),
  );
  const filters = useFilters();
  const all = address("events", { customer_id: id });
  return (
    <Card title="Deliveries" aside={<Link to={all}>All</Link>}>
      <Show of={deliveries}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="Nothing was sent">
              Events are sent to <Link to={address("endpoints")}>endpoints</Link>.
            </Empty>
          ) : (
            <ul class="lines">
              {rows.map((row) => (
                <li key={row.id}>
                  <Link to={filters.with({ delivery: row.id })}>{row.event}</Link>
                  <StateBadge state={row.state} attempts={row.attempts} />
                  <Ago at={row.created_at} />
                </li>
              ))}
            </ul>
          )
        }
      </Show>
    </Card>
  );
}
