import { decode, encodeStored } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import { StoreError } from "../errors.ts";
import type { Matcher } from "../match.ts";
import { compileFilter, plainQuery, readRows } from "../query.ts";
import { applyUpdate, compileUpdate, upsertSeed } from "../update.ts";
import type { Update } from "../update.ts";
import { deleteDocument, insertDocument, replaceDocument, withId } from "../write-documents.ts";
import type { StoredRow } from "../write-documents.ts";
import type { WriteContext } from "./command.ts";

/** Deletes the first match or all of them; answers how many. */
export function deleteRows(
  context: WriteContext,
  namespace: string,
  how: { filter: unknown; multi: boolean },
): number {
  const matcher = compileFilter(how.filter);
  const collection = context.view.catalog.get(namespace);
  if (collection === undefined) return 0;
  let n = 0;
  for (const row of matchedRows(context, collection, { matcher, multi: how.multi })) {
    deleteDocument(context.view, collection, row, decode(row.bytes));
    n++;
  }
  return n;
}

/** What an update does, as commands spell it. */
export interface UpdateStatement {
  readonly filter: unknown;
  readonly update: unknown;
  readonly arrayFilters: unknown;
  readonly multi: boolean;
  readonly upsert: boolean;
}

export interface UpdateOutcome {
  readonly matched: number;
  readonly modified: number;
  readonly upserted: Document | null;
}

export function updateRows(
  context: WriteContext,
  namespace: string,
  statement: UpdateStatement,
): UpdateOutcome {
  const matcher = compileFilter(statement.filter);
  const update = compileUpdate(statement.update, statement.arrayFilters);
  const { multi, upsert } = statement;
  if (multi && update.replacement !== null) {
    throw new StoreError("FailedToParse", "multi update is not supported for replacement-style update");
  }
  const collection = upsert ? context.view.ensure(namespace) : context.view.catalog.get(namespace);
  if (collection === undefined) return { matched: 0, modified: 0, upserted: null };
  let matched = 0;
  let modified = 0;
  for (const row of matchedRows(context, collection, { matcher, multi })) {
    matched++;
    if (updateRow(context, collection, row, { matcher, update }).changed) modified++;
  }
  if (matched > 0 || !upsert) return { matched, modified, upserted: null };
  return { matched: 1, modified: 0, upserted: insertUpserted(context, collection, { matcher, update }) };
}

/** The rows a write applies to. All are found before the first is changed: a change may move a row. */
function matchedRows(
  context: WriteContext,
  collection: Collection,
  how: { matcher: Matcher; multi: boolean },
): Iterable<StoredRow> {
  const query = plainQuery(how.matcher);
  if (!how.multi) return readRows(context.reading, collection, { ...query, limit: 1 });
  const rids = [...readRows(context.reading, collection, query)].map(({ rid }) => rid);
  return rereadRows(context, collection, rids);
}

function* rereadRows(
  context: WriteContext,
  collection: Collection,
  rids: readonly number[],
): Generator<StoredRow> {
  for (const rid of rids) {
    const bytes = context.view.sql.get(`SELECT d FROM c${collection.id} WHERE rid = ?`, rid)?.["d"];
    if (bytes instanceof Uint8Array) yield { rid, bytes };
  }
}

/** Applies an update to one stored document; nothing is written when it changes nothing. */
export function updateRow(
  context: WriteContext,
  collection: Collection,
  row: StoredRow,
  how: { matcher: Matcher; update: Update },
): { before: Document; after: Document; changed: boolean } {
  const before = decode(row.bytes);
  const after = applyUpdate(how.update, before, how.matcher, false);
  const bytes = encodeStored(after);
  const changed = Buffer.compare(bytes, row.bytes) !== 0;
  if (changed)
    replaceDocument(context.view, collection, row, { before, after, bytes, changed: how.update.roots });
  return { before, after, changed };
}

export function insertUpserted(
  context: WriteContext,
  collection: Collection,
  how: { matcher: Matcher; update: Update },
): Document {
  const seed = upsertSeed(how.matcher);
  const id: unknown = seed["_id"];
  // A replacement takes nothing from the filter but the identity.
  const start = how.update.replacement === null ? seed : id === undefined ? {} : { _id: id };
  return insertDocument(context.view, collection, withId(applyUpdate(how.update, start, how.matcher, true)));
}
