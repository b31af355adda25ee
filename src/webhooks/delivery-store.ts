import type { AnyBulkWriteOperation } from "mongodb";
import type { NewId } from "../lib/ids.ts";
import type { Collections, Store } from "../store/connect.ts";
import type { AttemptDoc, DeliveryDoc, DeliveryState } from "../store/documents.ts";

/** A delivery that this worker alone may attempt until its lease ends, with the bytes to send. */
export interface ClaimedDelivery {
  readonly delivery: DeliveryDoc;
  readonly body: string;
  readonly token: string;
}

/** What to write about a claimed delivery. `attempt` is null when nothing was tried. */
export interface DeliveryUpdate {
  readonly id: string;
  readonly token: string;
  readonly state: DeliveryState;
  readonly dueAt: Date;
  readonly attempt: AttemptDoc | null;
}

/** A delivery that a worker should be told about. */
export interface DueDelivery {
  readonly id: string;
  /** Attempts made so far. */
  readonly attempts: number;
}

export interface DeliveryStore {
  /** Claims those of the ids that are pending, due and not held by a living worker. */
  claim(ids: readonly string[], leaseMs: number): Promise<Map<string, ClaimedDelivery>>;
  /** Ends claims. An update whose lease has gone to another worker writes nothing. */
  record(updates: readonly DeliveryUpdate[]): Promise<void>;
  /** Pending deliveries due before the instant and held by nobody alive, oldest first. */
  findDue(before: Date, limit: number): Promise<DueDelivery[]>;
}

/** Jobs may wake a moment before their delivery is due. */
const EARLY_MS = 1000;

export function createDeliveryStore(store: Store, newId: NewId): DeliveryStore {
  const { deliveries, events } = store.collections;

  return {
    claim: async (ids, leaseMs) => {
      const now = new Date();
      const until = new Date(now.getTime() + leaseMs);
      const token = newId("lease");
      const { modifiedCount } = await deliveries.updateMany(
        {
          _id: { $in: [...ids] },
          state: "pending",
          lease: null,
          dueAt: { $lte: new Date(now.getTime() + EARLY_MS) },
        },
        { $set: { lease: { token, until, startedAt: now } } },
      );
      if (modifiedCount < ids.length) await takeOver(deliveries, ids, { token, until, startedAt: now });
      const claimed = await deliveries.find({ _id: { $in: [...ids] }, "lease.token": token }).toArray();
      const bodies = await events
        .find({ _id: { $in: claimed.map((delivery) => delivery.eventId) } })
        .project<{ _id: string; body: string }>({ body: 1 })
        .toArray();
      const bodyOf = new Map(bodies.map((event) => [event._id, event.body]));
      return new Map(
        claimed.map((delivery) => [
          delivery._id,
          { delivery, token, body: bodyOf.get(delivery.eventId) ?? missingEvent(delivery) },
        ]),
      );
    },

    record: async (updates) => {
      await deliveries.bulkWrite(updates.map(toWrite), { ordered: false });
    },

    findDue: async (before, limit) => {
      const rows = await deliveries
        .find({ state: "pending", dueAt: { $lte: before } })
        .sort({ dueAt: 1 })
        .limit(limit)
        .project<{ _id: string; attempts: unknown[]; lease: DeliveryDoc["lease"] }>({ attempts: 1, lease: 1 })
        .toArray();
      const now = new Date();
      return rows
        .filter(({ lease }) => lease === null || lease.until < now)
        .map(({ _id, attempts }) => ({ id: _id, attempts: attempts.length }));
    },
  };
}

function missingEvent(delivery: DeliveryDoc): never {
  throw new Error(`Delivery ${delivery._id} has no event ${delivery.eventId}`);
}

/** Takes over claims of workers that died; their attempts are recorded as unknown. */
async function takeOver(
  deliveries: Collections["deliveries"],
  ids: readonly string[],
  mine: NonNullable<DeliveryDoc["lease"]>,
): Promise<void> {
  const expired = await deliveries
    .find({ _id: { $in: [...ids] }, state: "pending", "lease.until": { $lt: mine.startedAt } })
    .toArray();
  for (const { _id, lease, attempts } of expired) {
    if (lease === null) continue;
    const unknown: AttemptDoc = {
      number: attempts.length + 1,
      startedAt: lease.startedAt,
      durationMs: null,
      outcome: "unknown",
      code: "worker_lost",
      status: null,
      response: null,
    };
    await deliveries.updateOne(
      { _id, state: "pending", "lease.token": lease.token },
      { $set: { lease: mine }, $push: { attempts: unknown } },
    );
  }
}

function toWrite(update: DeliveryUpdate): AnyBulkWriteOperation<DeliveryDoc> {
  const final = update.state === "delivered" || update.state === "exhausted";
  return {
    updateOne: {
      filter: { _id: update.id, "lease.token": update.token },
      update: {
        $set: {
          state: update.state,
          dueAt: update.dueAt,
          lease: null,
          finishedAt: final ? new Date() : null,
        },
        ...(update.attempt !== null && { $push: { attempts: update.attempt } }),
      },
    },
  };
}
