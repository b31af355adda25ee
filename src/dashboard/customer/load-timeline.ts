import type { Api } from "../api/api.ts";
import type { AuditEntry } from "../api/schemas/audit.ts";
import type { Delivery, EventBody } from "../api/schemas/webhooks.ts";
import { eventText } from "../format/event-text.ts";
import { formatMoney } from "../format/money.ts";

/** One thing that happened to a customer beside its calls. */
export interface TimelineItem {
  readonly id: string;
  readonly at: string;
  readonly text: string;
  readonly tone: "plain" | "good" | "warn" | "bad";
  /** The delivery that tells more; null for what an operator did. */
  readonly deliveryId: string | null;
}

const TYPES = [
  "soft_budget_crossed",
  "threshold_crossed",
  "budget_crossed",
  "projected_limit_exceeded",
  "budget_reset",
];
const MOST_OF_A_TYPE = 4;
const MOST_EVENTS = 8;
const MOST_CHANGES = 20;
const MOST_ITEMS = 15;

/** What was told about a customer and what operators changed, newest first. Charges are in the list of calls. */
export async function loadTimeline(
  api: Api,
  customerId: string,
  signal: AbortSignal,
): Promise<TimelineItem[]> {
  const [changes, ...told] = await Promise.all([
    api.audit(customerId, MOST_CHANGES, signal),
    ...TYPES.map((event) =>
      api.deliveries.list({ customer_id: customerId, event, limit: MOST_OF_A_TYPE }, signal),
    ),
  ]);
  const deliveries = told.flatMap(({ rows }) => rows);
  // Told to several endpoints, it still happened once.
  const once = [...new Map(deliveries.map((row) => [row.event_id, row])).values()];
  const latest = once.toSorted((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, MOST_EVENTS);
  const events = await Promise.all(latest.map((row) => toldItem(api, row, signal)));
  const items = [...events, ...changes.rows.flatMap(changeItem)];
  return items.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, MOST_ITEMS);
}

async function toldItem(api: Api, delivery: Delivery, signal: AbortSignal): Promise<TimelineItem> {
  const { body } = await api.deliveries.show(delivery.id, signal);
  const { text, tone } =
    body === null
      ? { text: delivery.event.replaceAll("_", " "), tone: "plain" as const }
      : eventText(JSON.parse(body) as EventBody);
  return { id: delivery.event_id, at: delivery.created_at, text, tone, deliveryId: delivery.id };
}

/** A change as what is different after it; nothing when nothing is that the reader can see. */
export function changeItem(entry: AuditEntry): TimelineItem[] {
  const text = changeText(entry);
  if (text === null) return [];
  return [{ id: entry.id, at: entry.at, text, tone: "plain", deliveryId: null }];
}

function changeText({ action, before, after }: AuditEntry): string | null {
  if (before === null) return "Created by an operator";
  if (after === null) return "Deleted";
  if (before["blocked"] !== after["blocked"]) return after["blocked"] === true ? "Blocked" : "Unblocked";
  if (before["max_budget"] !== after["max_budget"]) {
    const max = after["max_budget"];
    return typeof max === "number" ? `Budget set to ${formatMoney(max)}` : "Budget taken away";
  }
  if (before["effective_budget_id"] !== after["effective_budget_id"]) {
    const budget = after["effective_budget_id"];
    return typeof budget === "string" ? `Moved to ${budget}` : "Budget taken away";
  }
  return action === "customer.update" ? "Settings changed" : null;
}
