import { randomBytes } from "node:crypto";
import { StoreError } from "./errors.ts";
import { encodeCursorReply } from "./raw-bson.ts";
import type { Reading } from "./scan.ts";

/** A result that is handed out in batches. */
export interface Cursor {
  readonly namespace: string;
  readonly documents: Iterator<Uint8Array>;
  readonly reading: Reading;
  /** The transaction it belongs to; it ends with it. */
  readonly transaction: string | null;
}

interface Open extends Cursor {
  /** Read from the iterator, but too large for the last batch. */
  readonly pending: Uint8Array | null;
  usedAt: number;
  /** What is left of the time that the query may take, all batches together. */
  readonly leftMs: number;
}

const FIRST_BATCH = 101;
const MAX_REPLY_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 10 * 60_000;

/** The open cursors of the server. */
export class Cursors {
  readonly #open = new Map<bigint, Open>();

  /** The reply to find or aggregate; keeps the cursor if there is more. */
  first(cursor: Cursor, batchSize: number | null, singleBatch: boolean): Uint8Array {
    const { documents, rest } = take(
      { ...cursor, pending: null, usedAt: 0, leftMs: 0 },
      batchSize ?? FIRST_BATCH,
    );
    const id = rest === null || singleBatch ? 0n : this.#keep(rest);
    return encodeCursorReply({ name: "firstBatch", documents }, id, cursor.namespace);
  }

  /** The reply to getMore. */
  next(
    id: bigint,
    batchSize: number | null,
    from: Pick<Cursor, "namespace" | "reading" | "transaction">,
  ): Uint8Array {
    const cursor = this.#open.get(id);
    if (cursor?.namespace !== from.namespace) {
      throw new StoreError("CursorNotFound", `cursor id ${id} not found`);
    }
    if (cursor.transaction !== from.transaction) {
      throw new StoreError("CursorNotFound", `cursor id ${id} belongs to another transaction`);
    }
    this.#open.delete(id);
    const { view, deadline } = from.reading;
    Object.assign(cursor.reading, { view, deadline: Math.min(deadline, Date.now() + cursor.leftMs) });
    const { documents, rest } = take(cursor, batchSize ?? Number.POSITIVE_INFINITY);
    if (rest !== null) this.#open.set(id, rest);
    return encodeCursorReply({ name: "nextBatch", documents }, rest === null ? 0n : id, cursor.namespace);
  }

  kill(id: bigint): boolean {
    return this.#open.delete(id);
  }

  endTransaction(transaction: string): void {
    for (const [id, cursor] of this.#open) if (cursor.transaction === transaction) this.#open.delete(id);
  }

  /** Drops cursors that nobody has read from for ten minutes. */
  expire(now: number): void {
    for (const [id, cursor] of this.#open) if (cursor.usedAt < now - IDLE_MS) this.#open.delete(id);
  }

  #keep(cursor: Open): bigint {
    // Positive, and not to be guessed by counting.
    const id = randomBytes(8).readBigInt64BE() & 0x7fff_ffff_ffff_ffffn;
    if (id === 0n || this.#open.has(id)) return this.#keep(cursor);
    this.#open.set(id, cursor);
    return id;
  }
}

function take(cursor: Open, count: number): { documents: Uint8Array[]; rest: Open | null } {
  const documents: Uint8Array[] = [];
  let bytes = 0;
  let { pending } = cursor;
  while (documents.length < count) {
    const next = pending ?? pull(cursor);
    pending = null;
    if (next === null) return { documents, rest: null };
    if (documents.length > 0 && bytes + next.length > MAX_REPLY_BYTES) {
      pending = next;
      break;
    }
    documents.push(next);
    bytes += next.length + 16;
  }
  // Looking one ahead tells an exhausted cursor from one with more, and saves an empty getMore.
  if (pending === null && count > 0) {
    pending = pull(cursor);
    if (pending === null) return { documents, rest: null };
  }
  const usedAt = Date.now();
  return { documents, rest: { ...cursor, pending, usedAt, leftMs: cursor.reading.deadline - usedAt } };
}

function pull(cursor: Cursor): Uint8Array | null {
  const next = cursor.documents.next();
  return next.done === true ? null : next.value;
}
