import type { Filter } from "mongodb";
import { AppError } from "../errors.ts";
import { encodeCursor } from "../lib/cursor.ts";
import type { Store } from "../store/connect.ts";
import type { AttemptDoc, DeliveryDoc } from "../store/webhook-documents.ts";

export interface DeliveryQuery {
  readonly endpointId: string | null;
  readonly customerId: string | null;
  readonly type: string | null;
  /** `parked`: it waits for its endpoint to be enabled. */
  readonly state: ShownState | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly limit: number;
  /** Where the last page ended: milliseconds and id. */
  readonly after: { readonly ms: number; readonly id: string } | null;
}

export const SHOWN_STATES = ["pending", "parked", "gathering", "batched", "delivered", "exhausted"] as const;
export type ShownState = (typeof SHOWN_STATES)[number];

export interface DeliveryPage {
  readonly data: object[];
  readonly next_cursor: string | null;
}

/** One page of deliveries, newest first. */
export async function listDeliveries(store: Store, query: DeliveryQuery): Promise<DeliveryPage> {
  const enabled = await enabledEndpoints(store);
  const found = await store.collections.deliveries
    .find(filterOf(query, enabled))
    .sort({ createdAt: -1, _id: -1 })
    .limit(query.limit + 1)
    .toArray();
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  return {
    data: rows.map((row) => deliveryJson(row, enabled)),
    next_cursor: last === undefined ? null : encodeCursor([last.createdAt.getTime(), last._id]),
  };
}

/** One delivery with the text that is sent and every attempt. Throws delivery_not_found. */
export async function showDelivery(store: Store, id: string): Promise<object> {
  const { deliveries, events } = store.collections;
  const delivery = await deliveries.findOne({ _id: id });
  if (delivery === null) throw new AppError("delivery_not_found", `There is no delivery '${id}'`);
  const event = await events.findOne({ _id: delivery.eventId });
  return {
    ...deliveryJson(delivery, await enabledEndpoints(store)),
    body: event?.body ?? null,
    attempts: delivery.attempts.map((attempt) => attemptJson(attempt, delivery.eventId)),
  };
}

async function enabledEndpoints({ collections }: Store): Promise<ReadonlySet<string>> {
  const rows = await collections.endpoints
    .find({ state: "enabled", deletedAt: null })
    .project<{ _id: string }>({ _id: 1 })
    .toArray();
  return new Set(rows.map(({ _id }) => _id));
}

function filterOf(query: DeliveryQuery, enabled: ReadonlySet<string>): Filter<DeliveryDoc> {
  const conditions: Filter<DeliveryDoc>[] = [];
  if (query.endpointId !== null) conditions.push({ endpointId: query.endpointId });
  if (query.customerId !== null) conditions.push({ customerId: query.customerId });
  if (query.type !== null) conditions.push({ type: query.type });
  if (query.state === "pending") conditions.push({ state: "pending", endpointId: { $in: [...enabled] } });
  else if (query.state === "parked")
    conditions.push({ state: "pending", endpointId: { $nin: [...enabled] } });
  else if (query.state !== null) conditions.push({ state: query.state });
  if (query.from !== null) conditions.push({ createdAt: { $gte: query.from } });
  if (query.to !== null) conditions.push({ createdAt: { $lte: query.to } });
  if (query.after !== null) {
    const createdAt = new Date(query.after.ms);
    conditions.push({
      $or: [{ createdAt: { $lt: createdAt } }, { createdAt, _id: { $lt: query.after.id } }],
    });
  }
  return conditions.length === 0 ? {} : { $and: conditions };
}

export function deliveryJson(delivery: DeliveryDoc, enabled: ReadonlySet<string>): object {
  const parked = delivery.state === "pending" && !enabled.has(delivery.endpointId);
  return {
    id: delivery._id,
    event_id: delivery.eventId,
    endpoint_id: delivery.endpointId,
    customer_id: delivery.customerId === "" ? null : delivery.customerId,
    event: delivery.type,
    state: parked ? "parked" : delivery.state,
    attempts: delivery.attempts.at(-1)?.number ?? 0,
    last_code: delivery.attempts.at(-1)?.code ?? null,
    batch_id: delivery.batchId,
    due_at: delivery.dueAt.toISOString(),
    created_at: delivery.createdAt.toISOString(),
    finished_at: delivery.finishedAt?.toISOString() ?? null,
  };
}

function attemptJson(attempt: AttemptDoc, eventId: string): object {
  const { headers, timing } = attempt;
  return {
    number: attempt.number,
    started_at: attempt.startedAt.toISOString(),
    duration_ms: attempt.durationMs,
    outcome: attempt.outcome,
    code: attempt.code,
    status: attempt.status,
    response: attempt.response,
    manual: attempt.manual,
    headers: headers && {
      "webhook-id": eventId,
      "webhook-timestamp": String(headers.timestamp),
      "webhook-signature": headers.signature,
    },
    timing: timing && timingJson(timing),
  };
}

/** Milliseconds of each phase, for people. */
export function timingJson(timing: NonNullable<AttemptDoc["timing"]>): object {
  return {
    dns_ms: timing.dnsMs,
    tcp_ms: timing.tcpMs,
    tls_ms: timing.tlsMs,
    first_byte_ms: timing.firstByteMs,
    total_ms: timing.totalMs,
  };
}
