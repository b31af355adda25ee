import type { EventBody } from "../api/schemas/webhooks.ts";
import { eventText } from "../format/event-text.ts";
import { formatMoney } from "../format/money.ts";
import { plural } from "../format/numbers.ts";
import { Card } from "../parts/card.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";
import { groupEvents, type TimelineLine } from "./group-events.ts";

/** How far back, in charges. */
const CHARGES = 200;
const MOST_LINES = 20;

/** What the operator's backend was told about the customer. */
export function TimelineCard({ id, sequence }: { id: string; sequence: number }) {
  const { api } = useServices();
  const after = Math.max(0, sequence - CHARGES);
  const events = useLoad(`${id} ${sequence}`, (signal) =>
    api.customers.events(id, { after, limit: 1000 }, signal),
  );
  return (
    <Card title="Events">
      <Show of={events}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="Nothing to tell yet" />
          ) : (
            <ol class="timeline">
              {groupEvents(rows)
                .slice(0, MOST_LINES)
                .map((line) => (
                  <Line key={keyOf(line)} line={line} />
                ))}
            </ol>
          )
        }
      </Show>
    </Card>
  );
}

function keyOf(line: TimelineLine): string {
  return line.kind === "event" ? line.event.id : `charges ${line.first.id}`;
}

function Line({ line }: { line: TimelineLine }) {
  if (line.kind === "event") return <EventLine event={line.event} />;
  return (
    <li class="timeline-charges">
      <span>
        {plural(line.count, "charge")}, {formatMoney(line.usd)}
      </span>
      <Ago at={line.first.timestamp} />
    </li>
  );
}

function EventLine({ event }: { event: EventBody }) {
  const { text, tone } = eventText(event);
  return (
    <li class={`timeline-${tone}`} title={event.event_message}>
      <span>{text}</span>
      <Ago at={event.timestamp} />
    </li>
  );
}
