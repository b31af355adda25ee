import type { ClientSession } from "mongodb";
import type { Store } from "../store/connect.ts";
import { sumStored } from "./daily-totals.ts";
import type { DeliveryRef, LedgerRow, VerifySource } from "./verify-ledger.ts";
import type { DayRecords } from "./verify-totals.ts";

const LEDGER_FIELDS = {
  customerId: 1,
  sequence: 1,
  costNano: 1,
  spendAfterNano: 1,
  lifetimeAfterNano: 1,
  late: 1,
  day: 1,
  model: 1,
  keyHash: 1,
  usage: 1,
  endpointIds: 1,
  deliveriesUntil: 1,
  unpriced: 1,
} as const;
const CHUNK = 500;

/** Reads what `verifyLedger` needs, in chunks, by the indexes. */
export function createVerifySource(store: Store): VerifySource {
  const { customers, events, deliveries, dailySpend, dailyTotals } = store.collections;

  const deliveriesOf = async (ids: readonly string[], session?: ClientSession): Promise<DeliveryRef[]> => {
    const found: DeliveryRef[] = [];
    for (let from = 0; from < ids.length; from += CHUNK) {
      const chunk = deliveries
        .find({ eventId: { $in: ids.slice(from, from + CHUNK) } }, session && { session })
        .project<DeliveryRef>({ eventId: 1, endpointId: 1 });
      found.push(...(await chunk.toArray()));
    }
    return found;
  };

  return {
    ledger: () =>
      events
        .find({ type: "spend_tracked" })
        .sort({ customerId: 1, sequence: 1 })
        .project<LedgerRow>(LEDGER_FIELDS),

    snapshot: (customerId) =>
      store.client.withSession((session) =>
        session.withTransaction(
          async () => {
            const rows = await events
              .find({ type: "spend_tracked", customerId }, { session })
              .sort({ sequence: 1 })
              .project<LedgerRow>(LEDGER_FIELDS)
              .toArray();
            return {
              rows,
              customer: await customers.findOne({ _id: customerId }, { session }),
              daily: await dailySpend.find({ customerId }, { session }).toArray(),
              deliveries: await deliveriesOf(
                rows.map((row) => row._id),
                session,
              ),
            };
          },
          { readConcern: { level: "snapshot" } },
        ),
      ),

    customer: (id) => customers.findOne({ _id: id }),
    daily: (customerId) => dailySpend.find({ customerId }).toArray(),
    deliveries: (ids) => deliveriesOf(ids),

    async *chargedCustomerIds() {
      for await (const { _id } of customers
        .find({ sequence: { $gt: 0n } })
        .project<{ _id: string }>({ _id: 1 })) {
        yield _id;
      }
      const days = dailySpend
        .find({})
        .sort({ customerId: 1 })
        .project<{ customerId: string }>({ customerId: 1 });
      for await (const { customerId } of days) yield customerId;
    },

    dailyTotals: () => sumStored(dailyTotals, null),

    day: (day) => readDay(store, day),

    orphanDeliveries: () => orphans(store),
  };
}

function readDay({ client, collections }: Store, day: string): Promise<DayRecords> {
  return client.withSession((session) =>
    session.withTransaction(
      async () => ({
        totals: await sumStored(collections.dailyTotals, day, session),
        daily: await sumStored(collections.dailySpend, day, session),
      }),
      { readConcern: { level: "snapshot" } },
    ),
  );
}

/** Deliveries whose event does not exist, looked up chunk by chunk. */
async function* orphans(store: Store): AsyncGenerator<DeliveryRef> {
  const { events, deliveries } = store.collections;
  const withoutEvent = async (refs: readonly DeliveryRef[]): Promise<DeliveryRef[]> => {
    const found = await events
      .find({ _id: { $in: refs.map((ref) => ref.eventId) } })
      .project<{ _id: string }>({ _id: 1 })
      .toArray();
    const known = new Set(found.map(({ _id }) => _id));
    return refs.filter((ref) => !known.has(ref.eventId));
  };
  let chunk: DeliveryRef[] = [];
  for await (const ref of deliveries.find({}).project<DeliveryRef>({ eventId: 1, endpointId: 1 })) {
    chunk.push(ref);
    if (chunk.length < CHUNK) continue;
    yield* await withoutEvent(chunk);
    chunk = [];
  }
  yield* await withoutEvent(chunk);
}
