import type { AnyBulkWriteOperation, Filter } from "mongodb";
import { AppError } from "../errors.ts";
import type { NewId } from "../lib/ids.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { deliveryIdOf, type EventPlanner, newDelivery } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import type { EventDoc } from "../store/documents.ts";
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
  const { endpoints, events, replays } = store.collections;
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
    matched: await events.countDocuments(eventFilter(request, null)),
    queued: 0,
    createdAt: now(),
    createdBy: actor,
    finishedAt: null,
  };
  await replays.insertOne(replay);
  return replay;
}

/** A replay as the API shows it: `queued` grows until `state` is done. */
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
const PAGE = 200;
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
    if (running.length === 0) return;
    for (const { _id } of running) await takeOn(deps, _id);
    const endpointIds = [...new Set(running.map(({ endpointId }) => endpointId))];
    // Without Redis the sweep wakes the endpoints.
    await deps.wake(endpointIds).catch((error: unknown) => {
      deps.log.debug(errorFields(error), "replay.not_woken");
    });
  }
}

/** One page of a replay, unless another process is at it. */
async function takeOn(deps: ReplayDeps, id: string): Promise<void> {
  const { endpoints, replays } = deps.store.collections;
  const now = deps.now();
  const replay = await replays.findOneAndUpdate(
    { _id: id, state: "running", $or: [{ leaseUntil: null }, { leaseUntil: { $lte: now } }] },
    { $set: { leaseUntil: new Date(now.getTime() + LEASE_MS) } },
    { returnDocument: "after" },
  );
  if (replay === null) return;
  const endpoint = await endpoints.findOne({ _id: replay.endpointId });
  await replayPage(deps, replay, endpoint ?? { eventTypes: [], customers: [] });
}

function eventFilter(
  { from, to, type, customerId }: Pick<ReplayDoc, "from" | "to" | "type" | "customerId">,
  cursor: ReplayDoc["cursor"],
): Filter<EventDoc> {
  return {
    createdAt: { $gte: cursor?.createdAt ?? from, $lte: to },
    type: type ?? { $ne: "spend_tracked.batch" },
    ...(customerId !== null && { customerId }),
    ...(cursor !== null && {
      $or: [{ createdAt: { $gt: cursor.createdAt } }, { _id: { $gt: cursor.eventId } }],
    }),
  } as Filter<EventDoc>;
}

/** Tells the events of one page again, and lets go of the replay. */
async function replayPage(
  deps: ReplayDeps,
  replay: ReplayDoc,
  wish: Parameters<typeof wants>[0],
): Promise<void> {
  const { events, deliveries, replays } = deps.store.collections;
  const now = deps.now();
  const page = await events
    .find(eventFilter(replay, replay.cursor))
    .sort({ createdAt: 1, _id: 1 })
    .limit(PAGE)
    .toArray();
  const ids = page.map(({ _id }) => deliveryIdOf(_id, replay.endpointId));
  const known = new Map(
    (await deliveries.find({ _id: { $in: ids } }).toArray()).map((delivery) => [delivery.eventId, delivery]),
  );
  const writes = page.flatMap((event) => {
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
      },
      $inc: { queued: writes.length },
    },
  );
}

/** How one event is told again; null when it is not, or is on its way already. */
function replayWrite(
  event: EventDoc,
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
