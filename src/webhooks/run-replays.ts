import type { AnyBulkWriteOperation, Filter } from "mongodb";
import { AppError } from "../errors.ts";
import type { NewId } from "../lib/ids.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { deliveryIdOf, type EventPlanner, newDelivery } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import type { EventDoc } from "../store/documents.ts";
import { isOutOfTime } from "../store/read-in-time.ts";
import type { DeliveryDoc, ReplayDoc } from "../store/webhook-documents.ts";
import { wants } from "./endpoint-router.ts";
import { resendFields } from "./resend-delivery.ts";

/** What a replay tells again. */
export interface ReplayRequest {
  readonly endpointId: string;
  readonly from: Date;
  readonly to: Date;
  readonly type: string | null;
  readonly customerId: string | null;
  /** Leave out what has been delivered, or is on its way. */
  readonly onlyMissing: boolean;
}

/** Notes a replay; maintenance does the work. Throws endpoint_not_found. */
export async function startReplay(
  { store, newId, now }: { store: Store; newId: NewId; now: () => Date },
  actor: string,
  request: ReplayRequest,
): Promise<ReplayDoc> {
  const { endpoints, replays } = store.collections;
  if ((await endpoints.findOne({ _id: request.endpointId, deletedAt: null })) === null) {
    throw new AppError("endpoint_not_found", `There is no webhook endpoint '${request.endpointId}'`, {
      param: "endpoint_id",
    });
  }
  const replay: ReplayDoc = {
    ...request,
    _id: newId("rpl"),
    state: "running",
    cursor: null,
    leaseUntil: null,
    matched: await countQuickly(store, request),
    seen: 0,
    queued: 0,
    createdAt: now(),
    createdBy: actor,
    finishedAt: null,
  };
  await replays.insertOne(replay);
  return replay;
}

/** More are counted by the way; and no caller waits longer. */
const COUNT_LIMIT = 10_000;
const COUNT_MS = 2000;

async function countQuickly(
  { collections }: Store,
  { from, to, type, customerId }: ReplayRequest,
): Promise<number | null> {
  const filter = {
    createdAt: { $gte: from, $lte: to },
    type: type ?? { $ne: "spend_tracked.batch" },
    ...(customerId !== null && { customerId }),
  } as Filter<EventDoc>;
  try {
    const limits = { limit: COUNT_LIMIT + 1, maxTimeMS: COUNT_MS };
    const matched = await collections.events.countDocuments(filter, limits);
    return matched > COUNT_LIMIT ? null : matched;
  } catch (error) {
    if (isOutOfTime(error)) return null;
    throw error;
  }
}

/** A replay as the API shows it: `queued` grows until `state` is done; `matched` may be known only then. */
export function replayJson(replay: ReplayDoc): object {
  return {
    id: replay._id,
    endpoint_id: replay.endpointId,
    state: replay.state,
    matched: replay.matched,
    queued: replay.queued,
    from: replay.from.toISOString(),
    to: replay.to.toISOString(),
    created_at: replay.createdAt.toISOString(),
    finished_at: replay.finishedAt?.toISOString() ?? null,
  };
}

export interface ReplayDeps {
  readonly store: Store;
  readonly planner: Pick<EventPlanner, "keepDeliveriesMs">;
  readonly wake: (endpointIds: readonly string[]) => Promise<void>;
  readonly log: Log;
  readonly now: () => Date;
}

export const REPLAY_INTERVAL_MS = 500;
/** Events that are looked at together, whether they are asked for or not, so that every page ends soon. */
const PAGE = 500;
/** Pages of each replay in one run, so that a run ends and a new replay is not behind a long one. */
const ROUNDS = 10;
/** Far longer than a page takes. */
const LEASE_MS = 30_000;

/**
 * Takes running replays on, a page of each in turn, so that a long one delays no other; one that is broken off
 * goes on where it stood. Of several processes one at a time works at a replay.
 */
export async function runReplays(deps: ReplayDeps): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const running = await deps.store.collections.replays
      .find({ state: "running" })
      .sort({ createdAt: 1 })
      .toArray();
    const woken = new Set<string>();
    for (const { _id, endpointId } of running) {
      try {
        if (await takeOn(deps, _id)) woken.add(endpointId);
      } catch (error) {
        // Its lease keeps it from being tried again at once; the others go on.
        deps.log.warn({ replayId: _id, ...errorFields(error) }, "replay.failed");
      }
    }
    if (woken.size === 0) return;
    // Without Redis the sweep wakes the endpoints.
    await deps.wake([...woken]).catch((error: unknown) => {
      deps.log.debug(errorFields(error), "replay.not_woken");
    });
  }
}

/** One page of a replay; false when another process is at it. */
async function takeOn(deps: ReplayDeps, id: string): Promise<boolean> {
  const { endpoints, replays } = deps.store.collections;
  const now = deps.now();
  const replay = await replays.findOneAndUpdate(
    { _id: id, state: "running", $or: [{ leaseUntil: null }, { leaseUntil: { $lte: now } }] },
    { $set: { leaseUntil: new Date(now.getTime() + LEASE_MS) } },
    { returnDocument: "after" },
  );
  if (replay === null) return false;
  const endpoint = await endpoints.findOne({ _id: replay.endpointId });
  await replayPage(deps, replay, endpoint ?? { eventTypes: [], customers: [] });
  return true;
}

type EventFacts = Omit<EventDoc, "body">;

/** The next events of the span, of all kinds: one condition more would have the store look through all of it. */
function nextEvents({ collections }: Store, { from, to, cursor }: ReplayDoc): Promise<EventFacts[]> {
  const filter = {
    createdAt: { $gte: cursor?.createdAt ?? from, $lte: to },
    ...(cursor !== null && {
      $or: [{ createdAt: { $gt: cursor.createdAt } }, { _id: { $gt: cursor.eventId } }],
    }),
  } as Filter<EventDoc>;
  return collections.events
    .find(filter)
    .sort({ createdAt: 1, _id: 1 })
    .limit(PAGE)
    .project<EventFacts>({ body: 0 })
    .toArray();
}

function isAskedFor({ type, customerId }: ReplayDoc, event: EventFacts): boolean {
  return (
    (type === null ? event.type !== "spend_tracked.batch" : event.type === type) &&
    (customerId === null || event.customerId === customerId)
  );
}

/** Tells the events of one page again, and lets go of the replay. */
async function replayPage(
  deps: ReplayDeps,
  replay: ReplayDoc,
  wish: Parameters<typeof wants>[0],
): Promise<void> {
  const { deliveries, replays } = deps.store.collections;
  const now = deps.now();
  const page = await nextEvents(deps.store, replay);
  const asked = page.filter((event) => isAskedFor(replay, event));
  const ids = asked.map(({ _id }) => deliveryIdOf(_id, replay.endpointId));
  const known = new Map(
    (await deliveries.find({ _id: { $in: ids } }).toArray()).map((delivery) => [delivery.eventId, delivery]),
  );
  const writes = asked.flatMap((event) => {
    const kept = { ...event, deliveriesUntil: new Date(now.getTime() + deps.planner.keepDeliveriesMs) };
    const before = known.get(event._id) ?? null;
    // What it got once it gets again, and of the rest what it asks for.
    const write =
      before !== null || wants(wish, event) ? replayWrite(kept, { replay, known: before, now }) : null;
    return write === null ? [] : [write];
  });
  if (writes.length > 0) await deliveries.bulkWrite(writes, { ordered: false });
  const last = page.at(-1);
  const done = page.length < PAGE;
  await replays.updateOne(
    // Who took longer than its lease has been overtaken, and leaves the word to the other.
    { _id: replay._id, leaseUntil: replay.leaseUntil },
    {
      $set: {
        cursor: last === undefined ? replay.cursor : { createdAt: last.createdAt, eventId: last._id },
        leaseUntil: null,
        state: done ? "done" : "running",
        finishedAt: done ? now : null,
        ...(done && { matched: replay.seen + asked.length }),
      },
      $inc: { queued: writes.length, seen: asked.length },
    },
  );
}

/** How one event is told again; null when it is not, or is on its way already. */
function replayWrite(
  event: EventFacts,
  { replay, known, now }: { replay: ReplayDoc; known: DeliveryDoc | null; now: Date },
): AnyBulkWriteOperation<DeliveryDoc> | null {
  if (known === null) {
    const { _id, ...fields } = newDelivery(event, { endpointId: replay.endpointId, state: "pending", now });
    return { updateOne: { filter: { _id }, update: { $setOnInsert: fields }, upsert: true } };
  }
  const { _id, state, dueAt } = known;
  if (state === "exhausted" || (state === "delivered" && !replay.onlyMissing)) {
    return {
      updateOne: { filter: { _id, state, resends: 0 }, update: { $set: resendFields(state, dueAt, now) } },
    };
  }
  if (state !== "batched" || replay.onlyMissing) return null;
  return { updateOne: { filter: { _id, state }, update: { $set: { state: "pending", dueAt: now } } } };
}
