import type { ClientSession } from "mongodb";
import { usdJson } from "../lib/money.ts";
import type { NewId } from "../lib/ids.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { type EventPlanner, newDelivery } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import type { BatchEventDoc, ChargeEventDoc } from "../store/documents.ts";
import type { DeliveryDoc, EndpointDoc } from "../store/webhook-documents.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { SCHEMA_VERSION } from "./event-body.ts";

export interface GatherDeps {
  readonly store: Store;
  readonly endpoints: () => Promise<readonly EndpointDoc[]>;
  readonly planner: Pick<EventPlanner, "keepDeliveriesMs">;
  readonly newId: NewId;
  readonly now: () => Date;
  /** Told the new deliveries; must not throw. */
  readonly announce: (deliveries: readonly DeliveryDoc[]) => void;
  readonly log: Log;
}

export const GATHER_INTERVAL_MS = 500;
/** Events of each endpoint in one run, so that one with a backlog holds up no other. */
const ROUNDS = 20;

/**
 * Puts the charges that wait at endpoints which want them together into events of their own: as soon as
 * there are enough, or the oldest has waited long enough. Each charge is in one such event, and both change
 * in one transaction. Charges of an endpoint that wants them one by one again are sent so.
 */
export async function gatherCharges(deps: GatherDeps): Promise<void> {
  let left = await deps.endpoints();
  for (let round = 0; round < ROUNDS && left.length > 0; round++) {
    const busy: EndpointDoc[] = [];
    for (const endpoint of left) {
      try {
        if (endpoint.coalesce === null) await letGo(deps, endpoint._id);
        else if (await gatherOnce(deps, endpoint, endpoint.coalesce)) busy.push(endpoint);
      } catch (error) {
        deps.log.warn({ endpointId: endpoint._id, ...errorFields(error) }, "gather.failed");
      }
    }
    left = busy;
  }
}

async function letGo({ store, now }: GatherDeps, endpointId: string): Promise<void> {
  await store.collections.deliveries.updateMany(
    { endpointId, state: "gathering" },
    { $set: { state: "pending", dueAt: now() } },
  );
}

/** Makes one event of the oldest charges if it is time; true when there may be another. */
async function gatherOnce(
  deps: GatherDeps,
  endpoint: EndpointDoc,
  { maxEvents, maxSeconds }: NonNullable<EndpointDoc["coalesce"]>,
): Promise<boolean> {
  const { deliveries } = deps.store.collections;
  const filter = { endpointId: endpoint._id, state: "gathering" } as const;
  const page = (session?: ClientSession): Promise<DeliveryDoc[]> =>
    deliveries
      .find(filter, session && { session })
      .sort({ dueAt: 1 })
      .limit(maxEvents)
      .toArray();
  const now = deps.now();
  const isTime = (found: readonly DeliveryDoc[]): boolean => {
    const [oldest] = found;
    if (oldest === undefined) return false;
    return found.length >= maxEvents || oldest.dueAt.getTime() + maxSeconds * 1000 <= now.getTime();
  };
  if (!isTime(await page())) return false;
  const made = await inTransaction(deps.store, async (session) => {
    const found = await page(session);
    return isTime(found) ? putTogether(deps, { endpoint, found, now }, session) : null;
  });
  if (made === null) return false;
  deps.announce([made.delivery]);
  return made.count === maxEvents;
}

async function putTogether(
  deps: GatherDeps,
  { endpoint, found, now }: { endpoint: EndpointDoc; found: readonly DeliveryDoc[]; now: Date },
  session: ClientSession,
): Promise<{ delivery: DeliveryDoc; count: number }> {
  const { events, deliveries } = deps.store.collections;
  const rows = await events
    .find({ _id: { $in: found.map(({ eventId }) => eventId) }, type: "spend_tracked" }, { session })
    .toArray();
  const charges = rows.filter((row): row is ChargeEventDoc => row.type === "spend_tracked").sort(byTurn);
  const event: BatchEventDoc = {
    _id: deps.newId("evt"),
    type: "spend_tracked.batch",
    customerId: "",
    body: "",
    endpointIds: [endpoint._id],
    deliveriesUntil: new Date(now.getTime() + deps.planner.keepDeliveriesMs),
    createdAt: now,
  };
  event.body = serializeBatch(event._id, charges, now);
  const delivery = newDelivery(event, { endpointId: endpoint._id, state: "pending", now });
  await events.insertOne(event, { session });
  await deliveries.insertOne(delivery, { session });
  await deliveries.updateMany(
    { _id: { $in: found.map(({ _id }) => _id) } },
    { $set: { state: "batched", batchId: delivery._id, finishedAt: now } },
    { session },
  );
  return { delivery, count: found.length };
}

function byTurn(a: ChargeEventDoc, b: ChargeEventDoc): number {
  if (a.customerId !== b.customerId) return a.customerId < b.customerId ? -1 : 1;
  return Number(a.sequence - b.sequence);
}

/** Several charges as one event: sums and numbers per customer, and the events themselves as they are stored. */
export function serializeBatch(id: string, charges: readonly ChargeEventDoc[], now: Date): string {
  const spend = (rows: readonly ChargeEventDoc[]): number =>
    usdJson(rows.reduce((sum, { costNano }) => sum + costNano, 0n));
  const customers = [...Map.groupBy(charges, ({ customerId }) => customerId)].map(([customerId, own]) => ({
    customer_id: customerId,
    count: own.length,
    first_sequence: Number(own[0]?.sequence ?? 0),
    last_sequence: Number(own.at(-1)?.sequence ?? 0),
    spend: spend(own),
  }));
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  return JSON.stringify({
    spend: spend(charges),
    event: "spend_tracked.batch",
    event_group: "customer",
    event_message: `Customer spend tracked. Charges=${charges.length}, customers=${customers.length}`,
    id,
    type: "spend_tracked.batch",
    timestamp: now.toISOString(),
    count: charges.length,
    customers,
    events: charges.map(({ body }) => JSON.parse(body, keepNumbers(rawJSON)) as unknown),
    schema_version: SCHEMA_VERSION,
  });
}

/** Numbers go through as they are written: no amount passes through a double. */
function keepNumbers(rawJSON: (text: string) => unknown) {
  return (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && context?.source !== undefined ? rawJSON(context.source) : value;
}
