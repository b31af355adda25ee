import type { EventBody } from "../api/schemas/webhooks.ts";

/** A line of the timeline: one event, or charges that came one after the other. */
export type TimelineLine =
  | { readonly kind: "event"; readonly event: EventBody }
  | { readonly kind: "charges"; readonly count: number; readonly usd: number; readonly first: EventBody };

/** Newest first, with runs of charges as one line. `events` come oldest first. */
export function groupEvents(events: readonly EventBody[]): TimelineLine[] {
  const lines: TimelineLine[] = [];
  for (const event of events) {
    const last = lines.at(-1);
    if (event.type !== "spend_tracked") lines.push({ kind: "event", event });
    else if (last?.kind === "charges") {
      lines[lines.length - 1] = { ...last, count: last.count + 1, usd: last.usd + event.spend, first: event };
    } else lines.push({ kind: "charges", count: 1, usd: event.spend, first: event });
  }
  return lines.toReversed();
}
