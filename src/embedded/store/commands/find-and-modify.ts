import { decode } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import { StoreError } from "../errors.ts";
import { compileProjection } from "../project.ts";
import { compileFilter, readRows } from "../query.ts";
import { parseSort } from "../sort.ts";
import { compileUpdate } from "../update.ts";
import { deleteDocument } from "../write-documents.ts";
import { namespaceOf } from "./command.ts";
import type { Command, WriteContext } from "./command.ts";
import { insertUpserted, updateRow } from "./apply-writes.ts";

export const FIND_AND_MODIFY: Command = {
  kind: "write",
  inTransaction: true,
  options: [
    "query",
    "sort",
    "remove",
    "update",
    "new",
    "fields",
    "upsert",
    "arrayFilters",
    "bypassDocumentValidation",
  ],
  run: (context) => {
    const { body } = context;
    const project = compileProjection(body["fields"]);
    const found = body["remove"] === true ? findAndRemove(context) : findAndUpdate(context);
    const value = found.value !== null && project !== null ? project(found.value) : found.value;
    return { lastErrorObject: found.outcome, value, ok: 1 };
  },
};

interface Found {
  outcome: Document;
  value: Document | null;
}

function firstRow(context: WriteContext, collection: Collection) {
  const { body, reading } = context;
  const query = { matcher: compileFilter(body["query"]), sort: parseSort(body["sort"]), skip: 0, limit: 1 };
  return readRows(reading, collection, query).next().value ?? null;
}

function findAndRemove(context: WriteContext): Found {
  const { body } = context;
  if (body["update"] !== undefined || body["upsert"] === true || body["new"] === true) {
    throw new StoreError("FailedToParse", "Cannot specify both remove and update, upsert or new");
  }
  const collection = context.view.catalog.get(namespaceOf(context, "findAndModify"));
  const row = collection === undefined ? null : firstRow(context, collection);
  if (collection === undefined || row === null) return { outcome: { n: 0 }, value: null };
  const value = decode(row.bytes);
  deleteDocument(context.view, collection, row, value);
  return { outcome: { n: 1 }, value };
}

function findAndUpdate(context: WriteContext): Found {
  const { body, view } = context;
  const matcher = compileFilter(body["query"]);
  const update = compileUpdate(body["update"], body["arrayFilters"]);
  const wantNew = body["new"] === true;
  const namespace = namespaceOf(context, "findAndModify");
  const collection = body["upsert"] === true ? view.ensure(namespace) : view.catalog.get(namespace);
  const none: Found = { outcome: { n: 0, updatedExisting: false }, value: null };
  if (collection === undefined) return none;
  const row = firstRow(context, collection);
  if (row !== null) {
    const { before, after } = updateRow(context, collection, row, { matcher, update });
    return { outcome: { n: 1, updatedExisting: true }, value: wantNew ? after : before };
  }
  if (body["upsert"] !== true) return none;
  const inserted = insertUpserted(context, collection, { matcher, update });
  const outcome = { n: 1, updatedExisting: false, upserted: inserted["_id"] as unknown };
  return { outcome, value: wantNew ? inserted : null };
}
