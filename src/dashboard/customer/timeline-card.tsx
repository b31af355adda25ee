import { Card } from "../parts/card.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { useLiveReload } from "../parts/use-live.ts";
import { useLoad } from "../parts/use-load.ts";
import { Link } from "../routing/link.tsx";
import { useFilters } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { concerns } from "./concerns.ts";
import { loadTimeline, type TimelineItem } from "./load-timeline.ts";

const RELOAD_MS = 3000;

/** What happened to the customer beside its calls. */
export function TimelineCard({ id }: { id: string }) {
  const { api } = useServices();
  const timeline = useLoad(id, (signal) => loadTimeline(api, id, signal));
  useLiveReload(timeline.reload, { everyMs: RELOAD_MS, when: concerns(id) });
  return (
    <Card title="Timeline">
      <Show of={timeline}>
        {(items) =>
          items.length === 0 ? (
            <Empty title="Nothing but calls so far">
              Limits that are passed, resets and changes of an operator stand here.
            </Empty>
          ) : (
            <ol class="timeline">
              {items.map((item) => (
                <Item key={item.id} item={item} />
              ))}
            </ol>
          )
        }
      </Show>
    </Card>
  );
}

function Item({ item }: { item: TimelineItem }) {
  const filters = useFilters();
  const { text, tone, at, deliveryId } = item;
  return (
    <li class={`timeline-${tone}`}>
      {deliveryId === null ? (
        <span>{text}</span>
      ) : (
        <Link to={filters.with({ delivery: deliveryId })}>{text}</Link>
      )}
      <Ago at={at} />
    </li>
  );
}
