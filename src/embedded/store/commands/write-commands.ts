import { encodeStored, decode } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import { StoreError } from "../errors.ts";
import type { Matcher } from "../match.ts";
import { asDouble, isNumber } from "../numbers.ts";
import { compileFilter, plainQuery, readRows } from "../query.ts";
import { applyUpdate, compileUpdate, upsertSeed } from "../update.ts";
import type { Update } from "../update.ts";
import { deleteDocument, insertDocument, replaceDocument, withId } from "../write-documents.ts";
import type { StoredRow } from "../write-documents.ts";
import { checkFields, namespaceOf, statementsOf } from "./command.ts";
import type { Command, WriteContext } from "./command.ts";
import { runStatements, writeReply } from "./write-batch.ts";

const UPDATE_FIELDS = new Set(["q", "u", "upsert", "multi", "arrayFilters"]);
const DELETE_FIELDS = new Set(["q", "limit"]);

export const INSERT: Command = {
  kind: "write",
  inTransaction: true,
  options: ["documents", "ordered", "bypassDocumentValidation"],
  run: (context) => {
    const documents = statementsOf(context.body, "documents");
    const collection = context.view.ensure(namespaceOf(context, "insert"));
    let n = 0;
    const errors = runStatements(context.body, documents, (document) => {
      insertDocument(context.view, collection, document);
      n++;
    });
    return writeReply({ n }, errors);
  },
};

export const UPDATE: Command = {
  kind: "write",
  inTransaction: true,
  options: ["updates", "ordered", "bypassDocumentValidation"],
  run: (context) => {
    const statements = statementsOf(context.body, "updates");
    const namespace = namespaceOf(context, "update");
    const total = { n: 0, nModified: 0 };
    const upserted: Document[] = [];
    const errors = runStatements(context.body, statements, (statement, index) => {
      checkFields("an update", statement, UPDATE_FIELDS);
      const outcome = runUpdate(context, namespace, statement);
      total.n += outcome.matched;
      total.nModified += outcome.modified;
      if (outcome.upserted !== null) upserted.push({ index, _id: outcome.upserted["_id"] as unknown });
    });
    return writeReply(upserted.length > 0 ? { ...total, upserted } : total, errors);
  },
};

export const DELETE: Command = {
  kind: "write",
  inTransaction: true,
  options: ["deletes", "ordered"],
  run: (context) => {
    const collection = context.view.catalog.get(namespaceOf(context, "delete"));
    let n = 0;
    const errors = runStatements(context.body, statementsOf(context.body, "deletes"), (statement) => {
      checkFields("a delete", statement, DELETE_FIELDS);
      const limit: unknown = statement["limit"];
      if (!isNumber(limit)) throw new StoreError("FailedToParse", "a delete needs a limit of 0 or 1");
      const matcher = compileFilter(statement["q"]);
      if (collection === undefined) return;
      for (const row of matchedRows(context, collection, { matcher, multi: asDouble(limit) === 0 })) {
        deleteDocument(context.view, collection, row, decode(row.bytes));
        n++;
      }
    });
    return writeReply({ n }, errors);
  },
};

interface UpdateOutcome {
  readonly matched: number;
  readonly modified: number;
  readonly upserted: Document | null;
}

function runUpdate(context: WriteContext, namespace: string, statement: Document): UpdateOutcome {
  const matcher = compileFilter(statement["q"]);
  const update = compileUpdate(statement["u"], statement["arrayFilters"]);
  const multi = statement["multi"] === true;
  if (multi && update.replacement !== null) {
    throw new StoreError("FailedToParse", "multi update is not supported for replacement-style update");
  }
  const upsert = statement["upsert"] === true;
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
