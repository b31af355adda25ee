import { isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError } from "../errors.ts";
import { toSafeInteger } from "../numbers.ts";
import { insertDocument } from "../write-documents.ts";
import { deleteRows, updateRows } from "./apply-writes.ts";
import { checkFields, requireDatabaseName, statementsOf } from "./command.ts";
import type { Command, WriteContext } from "./command.ts";
import { runStatements } from "./write-batch.ts";

const INSERT_FIELDS = new Set(["insert", "document"]);
const UPDATE_FIELDS = new Set(["update", "filter", "updateMods", "multi", "upsert", "arrayFilters"]);
const DELETE_FIELDS = new Set(["delete", "filter", "multi"]);

/** What one operation has done, by the names of the reply. */
type Done = Readonly<
  Partial<Record<"nInserted" | "nMatched" | "nModified" | "nUpserted" | "nDeleted", number>>
> & { readonly result: Document };

/** Writes to several collections in one command, as MongoDB has it since 8.0. */
export const BULK_WRITE: Command = {
  kind: "write",
  inTransaction: true,
  options: ["ops", "nsInfo", "ordered", "errorsOnly", "bypassDocumentValidation"],
  run: (context) => {
    if (context.database !== "admin") {
      throw new StoreError("Unauthorized", "bulkWrite may only be run against the admin database.");
    }
    const namespaces = statementsOf(context.body, "nsInfo").map(readNamespace);
    const counts = { nInserted: 0, nMatched: 0, nModified: 0, nUpserted: 0, nDeleted: 0 };
    const results: Document[] = [];
    const errors = runStatements(context.body, statementsOf(context.body, "ops"), (operation, idx) => {
      const { result, ...done } = runOperation(context, namespaces, operation);
      for (const [name, count] of Object.entries(done)) counts[name as keyof typeof counts] += count;
      if (context.body["errorsOnly"] !== true) results.push({ ok: 1, idx, ...result });
    });
    for (const { index, ...error } of errors) results.push({ ok: 0, idx: Number(index), n: 0, ...error });
    const firstBatch = results.toSorted((a, b) => Number(a["idx"]) - Number(b["idx"]));
    return {
      cursor: { id: 0n, ns: "admin.$cmd.bulkWrite", firstBatch },
      nErrors: errors.length,
      ...counts,
      ok: 1,
    };
  },
};

function readNamespace(info: Document): string {
  checkFields("nsInfo", info, new Set(["ns"]));
  const namespace: unknown = info["ns"];
  const [database, ...collection] = typeof namespace === "string" ? namespace.split(".") : [];
  requireDatabaseName(database ?? "");
  if (collection.join(".") === "") {
    throw new StoreError("InvalidNamespace", `Invalid namespace specified: '${String(namespace)}'`);
  }
  return String(namespace);
}

function runOperation(context: WriteContext, namespaces: readonly string[], operation: Document): Done {
  const kind = Object.keys(operation)[0] ?? "";
  const index = toSafeInteger(operation[kind], kind);
  const namespace = namespaces[index];
  if (namespace === undefined) {
    throw new StoreError("BadValue", `BulkWrite ops entry has an invalid nsInfo index: ${index}`);
  }
  switch (kind) {
    case "insert": {
      checkFields("an insert", operation, INSERT_FIELDS);
      insertDocument(context.view, context.view.ensure(namespace), readDocument(operation));
      return { nInserted: 1, result: { n: 1 } };
    }
    case "update": {
      checkFields("an update", operation, UPDATE_FIELDS);
      return runUpdate(context, namespace, operation);
    }
    case "delete": {
      checkFields("a delete", operation, DELETE_FIELDS);
      const multi = operation["multi"] === true;
      const nDeleted = deleteRows(context, namespace, { filter: operation["filter"], multi });
      return { nDeleted, result: { n: nDeleted } };
    }
    default:
      throw new StoreError("FailedToParse", `BulkWrite ops entry has an unknown operation: ${kind}`);
  }
}

function readDocument(operation: Document): Document {
  const document: unknown = operation["document"];
  if (isDocument(document)) return document;
  throw new StoreError("TypeMismatch", "BulkWrite insert needs a document");
}

function runUpdate(context: WriteContext, namespace: string, operation: Document): Done {
  const { matched, modified, upserted } = updateRows(context, namespace, {
    filter: operation["filter"],
    update: operation["updateMods"],
    arrayFilters: operation["arrayFilters"],
    multi: operation["multi"] === true,
    upsert: operation["upsert"] === true,
  });
  if (upserted === null) {
    return { nMatched: matched, nModified: modified, result: { n: matched, nModified: modified } };
  }
  const result = { n: 1, nModified: 0, upserted: { _id: upserted["_id"] as unknown } };
  return { nUpserted: 1, result };
}
