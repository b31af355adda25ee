import type { Filter } from "mongodb";
import { AppError } from "../errors.ts";
import { encodeCursor } from "../lib/cursor.ts";
import type { Store } from "../store/connect.ts";
import { type ReadLimit, readInTime } from "../store/read-in-time.ts";
import type { AttemptDoc, DeliveryDoc, EndpointDoc } from "../store/webhook-documents.ts";

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

/** What a row shows of a delivery, and of each attempt. */
type ListedDelivery = Omit<DeliveryDoc, "attempts"> & {
  readonly attempts: readonly Pick<AttemptDoc, "number" | "code">[];
};
/** A hundred attempts with what was answered are 400 KB. */
const NOT_LISTED = { "attempts.response": 0, "attempts.headers": 0, "attempts.timing": 0 } as const;

/** The order of the list. */
export const NEWEST_FIRST = { createdAt: -1, _id: -1 } as const;

/** One page of deliveries, newest first. Throws query_timeout. */
export function listDeliveries(store: Store, query: DeliveryQuery): Promise<DeliveryPage> {
  return readInTime(async (limit) => {
    const endpoints = await readEndpoints(store, limit);
    const found = await store.collections.deliveries
      .find(deliveryFilter(query, endpoints), limit)
      .sort(NEWEST_FIRST)
      .limit(query.limit + 1)
      .project<ListedDelivery>(NOT_LISTED)
      .toArray();
    return pageOf(found, query.limit, endpoints.enabled);
  });
}

function pageOf(found: readonly ListedDelivery[], limit: number, enabled: ReadonlySet<string>): DeliveryPage {
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
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
    ...deliveryJson(delivery, (await readEndpoints(store)).enabled),
    body: event?.body ?? null,
    attempts: delivery.attempts.map((attempt) => attemptJson(attempt, delivery.eventId)),
  };
}

/** Ids of endpoints; deleted ones are among the others for ever, as their deliveries stay. */
interface EndpointIds {
  readonly enabled: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
}

async function readEndpoints({ collections }: Store, limit?: ReadLimit): Promise<EndpointIds> {
  type Row = Pick<EndpointDoc, "_id" | "state" | "deletedAt">;
  const rows = await collections.endpoints.find({}, limit).project<Row>({ state: 1, deletedAt: 1 }).toArray();
  const [enabled, others] = [new Set<string>(), new Set<string>()];
  for (const { _id, state, deletedAt } of rows)
    (state === "enabled" && deletedAt === null ? enabled : others).add(_id);
  return { enabled, others };
}

/** What a query asks for. A state comes with its endpoints: the index of what is due has the two together. */
export function deliveryFilter(query: DeliveryQuery, { enabled, others }: EndpointIds): Filter<DeliveryDoc> {
  const conditions: Filter<DeliveryDoc>[] = [];
  if (query.endpointId !== null) conditions.push({ endpointId: query.endpointId });
  if (query.customerId !== null) conditions.push({ customerId: query.customerId });
  if (query.type !== null) conditions.push({ type: query.type });
  if (query.state === "pending") conditions.push({ state: "pending", endpointId: { $in: [...enabled] } });
  else if (query.state === "parked") conditions.push({ state: "pending", endpointId: { $in: [...others] } });
  else if (query.state !== null)
    conditions.push({ state: query.state, endpointId: { $in: [...enabled, ...others] } });
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

function deliveryJson(delivery: ListedDelivery, enabled: ReadonlySet<string>): object {
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
