import type { Document } from "../bson-codec.ts";
import { StoreError } from "../errors.ts";
import { asDouble, isNumber } from "../numbers.ts";
import { insertDocument } from "../write-documents.ts";
import { deleteRows, updateRows } from "./apply-writes.ts";
import { checkFields, namespaceOf, statementsOf } from "./command.ts";
import type { Command } from "./command.ts";
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
      const outcome = updateRows(context, namespace, {
        filter: statement["q"],
        update: statement["u"],
        arrayFilters: statement["arrayFilters"],
        multi: statement["multi"] === true,
        upsert: statement["upsert"] === true,
      });
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
    const namespace = namespaceOf(context, "delete");
    let n = 0;
    const errors = runStatements(context.body, statementsOf(context.body, "deletes"), (statement) => {
      checkFields("a delete", statement, DELETE_FIELDS);
      const limit: unknown = statement["limit"];
      if (!isNumber(limit)) throw new StoreError("FailedToParse", "a delete needs a limit of 0 or 1");
      n += deleteRows(context, namespace, { filter: statement["q"], multi: asDouble(limit) === 0 });
    });
    return writeReply({ n }, errors);
  },
};
