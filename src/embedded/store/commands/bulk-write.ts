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
    const { body } = context;
    if (context.database !== "admin") {
      throw new StoreError("Unauthorized", "bulkWrite may only be run against the admin database.");
    }
    const namespaces = statementsOf(body, "nsInfo").map(readNamespace);
    // Nothing is done when one of them makes no sense.
    const runs = statementsOf(body, "ops").map((operation) => readOperation(namespaces, operation));
    const counts = { nInserted: 0, nMatched: 0, nModified: 0, nUpserted: 0, nDeleted: 0 };
    const results: Document[] = [];
    // The first error ends a transaction, and with it all that would follow.
    const ordered = context.transaction !== null || body["ordered"] !== false;
    const errors = runStatements({ ordered }, runs, (run, idx) => {
      const { result, ...done } = run(context);
      for (const [name, count] of Object.entries(done)) counts[name as keyof typeof counts] += count;
      if (body["errorsOnly"] !== true) results.push({ ok: 1, idx, ...result });
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

type Run = (context: WriteContext) => Done;

/** What an operation does; throws for one that makes no sense. */
function readOperation(namespaces: readonly string[], operation: Document): Run {
  const kind = Object.keys(operation)[0] ?? "";
  const read = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (read === undefined) {
    throw new StoreError("FailedToParse", `BulkWrite ops entry has an unknown operation: ${kind}`);
  }
  const index = toSafeInteger(operation[kind], kind);
  const namespace = namespaces[index];
  if (namespace === undefined) {
    throw new StoreError("BadValue", `BulkWrite ops entry has an invalid nsInfo index: ${index}`);
  }
  return read(namespace, operation);
}

const KINDS: Readonly<Record<string, (namespace: string, operation: Document) => Run>> = {
  insert: (namespace, operation) => {
    checkFields("an insert", operation, INSERT_FIELDS);
    const document = documentOf(operation, "document");
    return ({ view }) => {
      insertDocument(view, view.ensure(namespace), document);
      return { nInserted: 1, result: { n: 1 } };
    };
  },
  update: (namespace, operation) => {
    checkFields("an update", operation, UPDATE_FIELDS);
    const statement = {
      filter: documentOf(operation, "filter"),
      update: operation["updateMods"],
      arrayFilters: operation["arrayFilters"],
      multi: flagOf(operation, "multi"),
      upsert: flagOf(operation, "upsert"),
    };
    return (context) => {
      const { matched, modified, upserted } = updateRows(context, namespace, statement);
      if (upserted === null) {
        return { nMatched: matched, nModified: modified, result: { n: matched, nModified: modified } };
      }
      return { nUpserted: 1, result: { n: 1, nModified: 0, upserted: { _id: upserted["_id"] as unknown } } };
    };
  },
  delete: (namespace, operation) => {
    checkFields("a delete", operation, DELETE_FIELDS);
    const how = { filter: documentOf(operation, "filter"), multi: flagOf(operation, "multi") };
    return (context) => {
      const nDeleted = deleteRows(context, namespace, how);
      return { nDeleted, result: { n: nDeleted } };
    };
  },
};

function documentOf(operation: Document, field: string): Document {
  const value: unknown = operation[field];
  if (isDocument(value)) return value;
  throw new StoreError("TypeMismatch", `BulkWrite ops entry needs a document '${field}'`);
}

function flagOf(operation: Document, field: string): boolean {
  const value: unknown = operation[field] ?? false;
  if (typeof value === "boolean") return value;
  throw new StoreError("TypeMismatch", `BulkWrite ops entry needs a boolean '${field}'`);
}
