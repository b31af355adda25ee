import type { ClientSession } from "mongodb";
import { planDeliveries, type EventPlanner } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import type { NoticeEventDoc, NoticeEventType } from "../store/documents.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import { SCHEMA_VERSION } from "./event-body.ts";

/** A fact about the service itself. */
export interface Notice {
  readonly id: string;
  readonly type: NoticeEventType;
  readonly message: string;
  /** What programs need to know of it, beside the common keys. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** An endpoint that is not told: it is the one in question. */
  readonly exceptEndpoint?: string;
}

/** Writes a notice and its deliveries in the caller's transaction, and answers the deliveries. */
export async function insertNotice(
  store: Store,
  notice: Notice,
  by: { readonly planner: EventPlanner; readonly session: ClientSession; readonly now: Date },
): Promise<DeliveryDoc[]> {
  const { planner, session, now } = by;
  const endpointIds = planner
    .endpointsFor("", notice.type)
    .filter((endpointId) => endpointId !== notice.exceptEndpoint);
  const event: NoticeEventDoc = {
    _id: notice.id,
    type: notice.type,
    customerId: "",
    body: serializeNotice(notice, now),
    endpointIds,
    deliveriesUntil: new Date(now.getTime() + planner.keepDeliveriesMs),
    createdAt: now,
  };
  const deliveries = planDeliveries(event, planner, now);
  await store.collections.events.insertOne(event, { session });
  if (deliveries.length > 0) await store.collections.deliveries.insertMany(deliveries, { session });
  return deliveries;
}

/** A notice as text. */
export function serializeNotice({ id, type, message, facts }: Notice, now: Date): string {
  return JSON.stringify({
    event: type,
    event_group: "proxy",
    event_message: message,
    id,
    type,
    timestamp: now.toISOString(),
    ...facts,
    schema_version: SCHEMA_VERSION,
  });
}
