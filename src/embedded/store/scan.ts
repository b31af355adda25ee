import type { Collection } from "./catalog.ts";
import { StoreError } from "./errors.ts";
import type { KeyRange, Plan, PlannedIndex } from "./planner.ts";
import { blob } from "./sql.ts";
import type { Row } from "./sql.ts";
import type { View } from "./view.ts";
import type { StoredRow } from "./write-documents.ts";

/** The view a scan reads through; a cursor sets it anew before each batch. */
export interface Reading {
  view: View;
  /** Milliseconds since the epoch after which the scan gives up. */
  deadline: number;
}

interface IndexedRow extends StoredRow {
  readonly key: Uint8Array;
}

const FIRST_PAGE = 32;
const LAST_PAGE = 1_024;

/**
 * Yields the rows a plan covers, page by page: no statement stays open between pages, so a scan can
 * be left and taken up again after other commands have run. Each document comes once.
 */
export function* scan(reading: Reading, collection: Collection, plan: Plan): Generator<StoredRow> {
  const { index } = plan;
  if (index === null) yield* scanTable(reading, collection);
  else if (plan.points) yield* scanPoints(reading, collection, index, plan);
  else if (index.multikey) yield* once(scanRanges(reading, collection, index, plan));
  else if (plan.mergeFrom !== null) yield* mergeRanges(reading, collection, index, plan);
  else yield* scanRanges(reading, collection, index, plan);
}

/** How many entries an exact plan covers, without reading a document. */
export function countEntries(view: View, collection: Collection, plan: Plan): number {
  const { index } = plan;
  if (index === null) return Number(view.sql.get(`SELECT count(*) AS n FROM c${collection.id}`)?.["n"]);
  const table = index.id === null ? `c${collection.id}` : `i${index.id}`;
  const query = `SELECT count(*) AS n FROM ${table} WHERE k >= ? AND k < ?`;
  return plan.ranges.reduce((sum, { start, end }) => sum + Number(view.sql.get(query, start, end)?.["n"]), 0);
}

/** How many entries a plan covers, counted no further than `most`. */
export function countUpTo(view: View, collection: Collection, plan: Plan, most: number): number {
  const { index } = plan;
  if (index === null) return most;
  const table = index.id === null ? `c${collection.id}` : `i${index.id}`;
  const query = `SELECT count(*) AS n FROM (SELECT 1 FROM ${table} WHERE k >= ? AND k < ? LIMIT ?)`;
  let entries = 0;
  for (const { start, end } of plan.ranges) {
    entries += Number(view.sql.get(query, start, end, most - entries)?.["n"]);
    if (entries >= most) break;
  }
  return entries;
}

/** How many documents there have ever been: never less than there are, and at once. */
export function estimateDocuments(view: View, collection: Collection): number {
  return Number(view.sql.get(`SELECT max(rid) AS n FROM c${collection.id}`)?.["n"] ?? 0);
}

function* scanTable(reading: Reading, collection: Collection): Generator<StoredRow> {
  const query = `SELECT rid, d FROM c${collection.id} WHERE rid > ? ORDER BY rid LIMIT ?`;
  let last = -1;
  for (let size = FIRST_PAGE; ; size = Math.min(size * 2, LAST_PAGE)) {
    const page = readPage(reading, collection, query, [last, size]);
    for (const row of page) {
      last = Number(row["rid"]);
      yield { rid: last, bytes: blob(row["d"]) };
    }
    if (page.length < size) return;
  }
}

function* scanPoints(
  reading: Reading,
  collection: Collection,
  index: PlannedIndex,
  plan: Plan,
): Generator<StoredRow> {
  const query =
    index.id === null
      ? `SELECT rid, d FROM c${collection.id} WHERE k = ?`
      : `SELECT c.rid AS rid, c.d AS d FROM i${index.id} i CROSS JOIN c${collection.id} c ON c.rid = i.rid WHERE i.k = ?`;
  for (const { start } of plan.reverse ? plan.ranges.toReversed() : plan.ranges) {
    const row = readPage(reading, collection, query, [start])[0];
    if (row !== undefined) yield { rid: Number(row["rid"]), bytes: blob(row["d"]) };
  }
}

function* scanRanges(
  reading: Reading,
  collection: Collection,
  index: PlannedIndex,
  plan: Plan,
): Generator<IndexedRow> {
  for (const range of plan.reverse ? plan.ranges.toReversed() : plan.ranges) {
    yield* scanRange(reading, collection, index, { range, reverse: plan.reverse });
  }
}

function* scanRange(
  reading: Reading,
  collection: Collection,
  index: PlannedIndex,
  how: { range: KeyRange; reverse: boolean },
): Generator<IndexedRow> {
  const { range, reverse } = how;
  const from =
    index.id === null
      ? `SELECT i.k AS k, i.rid AS rid, i.d AS d FROM c${collection.id} i`
      : `SELECT i.k AS k, i.rid AS rid, c.d AS d FROM i${index.id} i CROSS JOIN c${collection.id} c ON c.rid = i.rid`;
  // Row identities are positive, so -1 is before the first one at a key.
  const query = reverse
    ? `${from} WHERE (i.k, i.rid) < (?, ?) AND i.k >= ? ORDER BY i.k DESC, i.rid DESC LIMIT ?`
    : `${from} WHERE (i.k, i.rid) > (?, ?) AND i.k < ? ORDER BY i.k, i.rid LIMIT ?`;
  let key: Uint8Array = reverse ? range.end : range.start;
  const stop = reverse ? range.start : range.end;
  let rid = -1;
  for (let size = FIRST_PAGE; ; size = Math.min(size * 2, LAST_PAGE)) {
    const page = readPage(reading, collection, query, [key, rid, stop, size]);
    for (const row of page) {
      key = blob(row["k"]);
      rid = Number(row["rid"]);
      yield { rid, key, bytes: blob(row["d"]) };
    }
    if (page.length < size) return;
  }
}

/** Merges ranges that are each in order by the rest of the key into one run in that order. */
function* mergeRanges(
  reading: Reading,
  collection: Collection,
  index: PlannedIndex,
  plan: Plan,
): Generator<IndexedRow> {
  const { reverse, mergeFrom } = plan;
  const runs = plan.ranges.map((range, at) => {
    const rows = scanRange(reading, collection, index, { range, reverse });
    return { rows, skip: mergeFrom?.[at] ?? 0, head: rows.next() };
  });
  for (;;) {
    let first: (typeof runs)[number] | null = null;
    for (const run of runs) {
      if (run.head.done === true) continue;
      if (first === null || first.head.done === true) {
        first = run;
        continue;
      }
      const order = Buffer.compare(
        run.head.value.key.subarray(run.skip),
        first.head.value.key.subarray(first.skip),
      );
      if (reverse ? order > 0 : order < 0) first = run;
    }
    if (first === null || first.head.done === true) return;
    yield first.head.value;
    first.head = first.rows.next();
  }
}

function* once(rows: Iterable<StoredRow>): Generator<StoredRow> {
  const seen = new Set<number>();
  for (const row of rows) {
    if (seen.has(row.rid)) continue;
    seen.add(row.rid);
    yield row;
  }
}

function readPage(
  reading: Reading,
  collection: Collection,
  query: string,
  values: (number | Uint8Array)[],
): Row[] {
  if (Date.now() > reading.deadline)
    throw new StoreError("MaxTimeMSExpired", "operation exceeded time limit");
  // Dropped between two batches: what is left of the result is nothing.
  if (reading.view.catalog.get(collection.namespace)?.id !== collection.id) return [];
  return reading.view.sql.all(query, ...values);
}
