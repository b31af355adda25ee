import { isDocument } from "./bson-codec.ts";
import type { Collection } from "./catalog.ts";
import { StoreError } from "./errors.ts";
import { compileMatcher } from "./match.ts";
import type { Matcher } from "./match.ts";
import { choosePlan } from "./choose-plan.ts";
import type { Plan } from "./planner.ts";
import { decodeFields } from "./raw-bson.ts";
import { scan } from "./scan.ts";
import type { Reading } from "./scan.ts";
import { sortItems, sortKey } from "./sort.ts";
import type { SortField } from "./sort.ts";
import type { StoredRow } from "./write-documents.ts";

/** What to read: compiled, so that refusals come before anything is read. */
export interface Query {
  readonly matcher: Matcher;
  readonly sort: readonly SortField[];
  readonly skip: number;
  /** Infinity for none. */
  readonly limit: number;
}

export function compileFilter(filter: unknown): Matcher {
  if (filter !== undefined && filter !== null && !isDocument(filter)) {
    throw new StoreError("TypeMismatch", "a filter must be a document");
  }
  return compileMatcher(filter ?? {});
}

/** A query without order or limits, as writes and counts use it. */
export function plainQuery(matcher: Matcher): Query {
  return { matcher, sort: [], skip: 0, limit: Number.POSITIVE_INFINITY };
}

/** The stored documents a query finds, in its order, read as they are asked for. */
export function* readRows(reading: Reading, collection: Collection, query: Query): Generator<StoredRow> {
  const { matcher, sort, skip, limit } = query;
  if (limit === 0) return;
  const plan = choosePlan(reading.view, collection, { matcher, sort, count: skip + limit });
  const matching = matchingRows(reading, collection, { matcher, plan });
  const ordered = plan.sorted ? matching : sortRows(matching, sort, skip + limit);
  let position = 0;
  for (const row of ordered) {
    if (position++ < skip) continue;
    yield row;
    if (position >= skip + limit) return;
  }
}

function* matchingRows(
  reading: Reading,
  collection: Collection,
  how: { matcher: Matcher; plan: Plan },
): Generator<StoredRow> {
  const { matcher, plan } = how;
  for (const row of scan(reading, collection, plan)) {
    if (plan.exact || matcher.test(decodeFields(row.bytes, matcher.roots))) yield row;
  }
}

function sortRows(rows: Iterable<StoredRow>, sort: readonly SortField[], limit: number): StoredRow[] {
  const roots = new Set(sort.map((field) => field.parts[0] ?? ""));
  const keyOf = (row: StoredRow): Buffer => sortKey(decodeFields(row.bytes, roots), sort);
  return sortItems(rows, keyOf, (row) => row.bytes.length, limit);
}
