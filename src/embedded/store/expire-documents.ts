import { decode, isDocument } from "./bson-codec.ts";
import type { Index } from "./catalog.ts";
import { compileFilter, plainQuery, readRows } from "./query.ts";
import type { Reading } from "./scan.ts";
import type { WriteView } from "./view.ts";
import { deleteDocument } from "./write-documents.ts";

/** Most documents one pass deletes by one index, so that a pass does not hold up other clients. */
const MAX_PER_PASS = 1_000;

/** Deletes documents whose date is older than a TTL index allows; the next pass goes on where this one stops. */
export function expireDocuments(view: WriteView, reading: Reading, now: number): void {
  for (const collection of view.catalog.values()) {
    for (const index of collection.indexes) {
      const filter = expiredFilter(index, now);
      if (filter === null) continue;
      const query = { ...plainQuery(compileFilter(filter)), limit: MAX_PER_PASS };
      for (const row of Array.from(readRows(reading, collection, query))) {
        deleteDocument(view, collection, row, decode(row.bytes));
      }
    }
  }
}

function expiredFilter(index: Index, now: number) {
  const [field] = index.fields;
  if (index.expireAfterSeconds === null || field === undefined) return null;
  const old = { [field.path]: { $lt: new Date(now - index.expireAfterSeconds * 1000) } };
  const partial: unknown = index.document["partialFilterExpression"];
  return isDocument(partial) ? { $and: [old, partial] } : old;
}
