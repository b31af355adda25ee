import { encodeCursor } from "../lib/cursor.ts";
import type { Store } from "../store/connect.ts";

/** Events as they are told, for a receiver that asks for them. */
export interface EventPage {
  /** Event texts, as they are signed and sent. */
  readonly bodies: readonly string[];
  readonly nextCursor: string | null;
}

/** Where a reader stands. */
export interface PullPosition {
  readonly ms: number;
  readonly id: string;
  /** It was read while events before it could still come: up to here all have been told. Absent: up to `ms`. */
  readonly floorMs?: number;
}

/**
 * A transaction that is slow to commit brings an event that is older than ones already there, by less than this:
 * MongoDB ends one that is open for 60 s.
 */
const SETTLED_MS = 90_000;

/**
 * Events of all kinds after this position, in the order they were committed. The cursor is never null. At the
 * end it goes back to where events may still have come in behind the reader, so that none is passed over: the
 * reader sees some twice.
 */
export async function pullEvents(
  store: Store,
  query: { readonly after: PullPosition | null; readonly limit: number },
  now: Date,
): Promise<EventPage & { readonly nextCursor: string }> {
  const after = query.after;
  const since = new Date(after?.ms ?? 0);
  const rows = await store.collections.events
    .find({
      createdAt: { $gte: since },
      type: { $ne: "spend_tracked.batch" },
      ...(after !== null && { $or: [{ createdAt: { $gt: since } }, { _id: { $gt: after.id } }] }),
    })
    .sort({ createdAt: 1, _id: 1 })
    .limit(query.limit)
    .project<{ _id: string; body: string; createdAt: Date }>({ body: 1, createdAt: 1 })
    .toArray();
  const settledMs = now.getTime() - SETTLED_MS;
  const last = rows.at(-1);
  const read = last === undefined ? after : { ms: last.createdAt.getTime(), id: last._id };
  const position = read ?? { ms: settledMs, id: "" };
  const floorMs = after?.floorMs ?? Math.min(position.ms, settledMs);
  return { bodies: rows.map(({ body }) => body), nextCursor: encodeCursor(nextOf()) };

  function nextOf(): (string | number)[] {
    if (position.ms <= floorMs) return [position.ms, position.id];
    return rows.length === query.limit ? [position.ms, position.id, floorMs] : [floorMs, ""];
  }
}

/** A customer's charges after this sequence number; the cursor is the last number, null at the end. */
export async function pullCustomerEvents(
  store: Store,
  query: { readonly customerId: string; readonly after: number; readonly limit: number },
): Promise<EventPage> {
  const rows = await store.collections.events
    .find({
      type: "spend_tracked",
      customerId: query.customerId,
      sequence: { $gt: BigInt(query.after) },
    })
    .sort({ sequence: 1 })
    .limit(query.limit + 1)
    .project<{ body: string; sequence: bigint }>({ body: 1, sequence: 1 })
    .toArray();
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return {
    bodies: page.map(({ body }) => body),
    nextCursor: last === undefined ? null : String(last.sequence),
  };
}
