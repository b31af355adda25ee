import type { AnyBulkWriteOperation, UpdateFilter } from "mongodb";
import pLimit from "p-limit";
import type { NewId } from "../lib/ids.ts";
import type { Collections, Store } from "../store/connect.ts";
import type { AttemptDoc, DeliveryDoc } from "../store/webhook-documents.ts";

/** A delivery that this worker alone may attempt until its lease ends, with the bytes to send. */
export interface ClaimedDelivery {
  readonly delivery: DeliveryDoc;
  readonly body: string;
  readonly token: string;
}

/** How an attempt of a claimed delivery ended. */
export interface DeliveryUpdate {
  readonly id: string;
  readonly token: string;
  readonly attempt: AttemptDoc;
  /** Sends that people had asked for when it was claimed, this one among them if it is manual. */
  readonly resends: number;
  /** What the delivery is now, unless it has to be sent again because people asked for that. */
  readonly after: NonNullable<DeliveryDoc["afterResends"]>;
  readonly now: Date;
}

export interface DeliveryStore {
  /** Claims those of the ids that are pending, due and not held by a living worker. */
  readonly claim: (ids: readonly string[], leaseMs: number) => Promise<Map<string, ClaimedDelivery>>;
  /** Ends claims. An update whose lease has gone to another worker writes nothing. */
  readonly record: (updates: readonly DeliveryUpdate[]) => Promise<void>;
  /** An endpoint's pending deliveries that are due and held by nobody alive, oldest first. */
  readonly findDue: (endpointId: string, limit: number) => Promise<string[]>;
  /** Those of the endpoints that have pending deliveries which were due before the instant. */
  readonly haveDue: (endpointIds: readonly string[], before: Date) => Promise<string[]>;
}

/** Jobs may wake a moment before their delivery is due. */
const EARLY_MS = 1000;
const LOOKUPS_AT_ONCE = 16;
/** A delivery that is sent again and again by hand keeps its latest attempts, so that it never outgrows a document. */
const KEPT_ATTEMPTS = 100;

export function createDeliveryStore(store: Store, newId: NewId): DeliveryStore {
  const { deliveries } = store.collections;

  return {
    claim: (ids, leaseMs) => claimAll(store.collections, ids, { leaseMs, token: newId("lease") }),

    record: async (updates) => {
      await deliveries.bulkWrite(updates.flatMap(toWrites), { ordered: true });
    },

    findDue: async (endpointId, limit) => {
      const now = new Date();
      const rows = await deliveries
        .find({
          endpointId,
          state: "pending",
          dueAt: { $lte: now },
          $or: [{ lease: null }, { "lease.until": { $lt: now } }],
        })
        .sort({ dueAt: 1 })
        .limit(limit)
        .project<{ _id: string }>({ _id: 1 })
        .toArray();
      return rows.map(({ _id }) => _id);
    },

    haveDue: async (endpointIds, before) => {
      const limit = pLimit(LOOKUPS_AT_ONCE);
      const found = await Promise.all(
        endpointIds.map((endpointId) =>
          limit(() =>
            deliveries.findOne(
              { endpointId, state: "pending", dueAt: { $lte: before } },
              { projection: { _id: 1 } },
            ),
          ),
        ),
      );
      return endpointIds.filter((_, index) => found[index] !== null);
    },
  };
}

async function claimAll(
  { deliveries, events }: Collections,
  ids: readonly string[],
  { leaseMs, token }: { leaseMs: number; token: string },
): Promise<Map<string, ClaimedDelivery>> {
  const now = new Date();
  const until = new Date(now.getTime() + leaseMs);
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
  const orphans = claimed.filter(({ eventId }) => !bodyOf.has(eventId));
  if (orphans.length > 0) await giveUp(deliveries, orphans, { token, now });
  return new Map(
    claimed.flatMap((delivery) => {
      const body = bodyOf.get(delivery.eventId);
      return body === undefined ? [] : [[delivery._id, { delivery, token, body }]];
    }),
  );
}

/** Ends deliveries whose event is gone, as after a restored backup: there is nothing to send. */
async function giveUp(
  deliveries: Collections["deliveries"],
  orphans: readonly DeliveryDoc[],
  { token, now }: { token: string; now: Date },
): Promise<void> {
  await deliveries.bulkWrite(
    orphans.map(({ _id, attempts }) => ({
      updateOne: {
        filter: { _id, "lease.token": token },
        update: {
          $set: { state: "exhausted", lease: null, resends: 0, afterResends: null, finishedAt: now },
          ...noted(unsent(nextNumber(attempts), { startedAt: now, code: "event_missing" })),
        },
      },
    })),
  );
}

/** The number of the attempt after these. */
export function nextNumber(attempts: readonly AttemptDoc[]): number {
  return (attempts.at(-1)?.number ?? 0) + 1;
}

function noted(attempt: AttemptDoc): Pick<UpdateFilter<DeliveryDoc>, "$push"> {
  return { $push: { attempts: { $each: [attempt], $slice: -KEPT_ATTEMPTS } } };
}

function unsent(
  number: number,
  of: Pick<AttemptDoc, "startedAt" | "code"> & Partial<AttemptDoc>,
): AttemptDoc {
  return {
    number,
    durationMs: null,
    outcome: "failed",
    status: null,
    response: null,
    manual: false,
    headers: null,
    timing: null,
    ...of,
  };
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
  const writes = expired.flatMap(({ _id, lease, attempts, resends }) => {
    if (lease === null) return [];
    const unknown = unsent(nextNumber(attempts), {
      startedAt: lease.startedAt,
      outcome: "unknown",
      code: "worker_lost",
      manual: resends > 0,
    });
    return {
      updateOne: {
        filter: { _id, state: "pending" as const, "lease.token": lease.token },
        update: { $set: { lease: mine }, ...noted(unknown) },
      },
    };
  });
  if (writes.length > 0) await deliveries.bulkWrite(writes, { ordered: false });
}

/**
 * Two writes of which one takes effect, since the first one that does ends the claim: the outcome, where
 * nobody has asked for a resend meanwhile, and else the delivery is due again.
 */
function toWrites(update: DeliveryUpdate): AnyBulkWriteOperation<DeliveryDoc>[] {
  const { id, token, attempt, after, now } = update;
  const done = attempt.manual ? 1 : 0;
  const again = { state: "pending", dueAt: now, lease: null, finishedAt: null, afterResends: after } as const;
  const final = {
    ...after,
    lease: null,
    afterResends: null,
    finishedAt: after.state === "pending" ? null : now,
  };
  const left = update.resends - done;
  return [
    {
      updateOne: {
        filter: { _id: id, "lease.token": token, resends: update.resends },
        update: { $set: { ...(left > 0 ? again : final), resends: left }, ...noted(attempt) },
      },
    },
    {
      updateOne: {
        filter: { _id: id, "lease.token": token },
        update: { $set: again, $inc: { resends: -done }, ...noted(attempt) },
      },
    },
  ];
}
