import { Int32 } from "bson";
import { compilePipeline, stageOf } from "../aggregate/pipeline.ts";
import type { Stage } from "../aggregate/pipeline.ts";
import { decode, encode, isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { asDouble, isNumber, toSafeInteger } from "../numbers.ts";
import { compileFilter, readRows } from "../query.ts";
import type { Query } from "../query.ts";
import type { Reading } from "../scan.ts";
import { parseSort } from "../sort.ts";
import { collectionOf, integerOption, namespaceOf, refuseWhenSet } from "./command.ts";
import type { Command } from "./command.ts";
import { countRows } from "./read-commands.ts";

export const AGGREGATE: Command = {
  kind: "read",
  inTransaction: true,
  options: ["pipeline", "cursor", "allowDiskUse", "explain", "bypassDocumentValidation"],
  run: (context) => {
    const { body, reading, cursors, transaction } = context;
    refuseWhenSet(body, "explain");
    const pipeline: unknown = body["pipeline"];
    const cursorOptions: unknown = body["cursor"];
    if (!Array.isArray(pipeline)) throw new StoreError("TypeMismatch", "'pipeline' must be an array");
    if (!isDocument(cursorOptions)) throw new StoreError("FailedToParse", "The 'cursor' option is required");
    if (typeof body["aggregate"] !== "string") throw notImplemented("aggregate without a collection");
    const plan = planPipeline(pipeline);
    const collection = collectionOf(context, "aggregate");
    const namespace = namespaceOf(context, "aggregate");
    const documents = encodedDocuments(run(reading, collection, plan));
    return cursors.first(
      { namespace, documents, reading, transaction },
      integerOption(cursorOptions, "batchSize"),
      false,
    );
  },
};

interface PipelinePlan {
  /** The leading stages that are read by the planner, as a query. */
  readonly query: Query;
  /** The field to put a plain count in, when counting is all the rest does. */
  readonly countAs: { _id: unknown; field: string } | null;
  readonly rest: Stage;
}

/** Takes a leading $match, $sort, $skip and $limit as a query, so that indexes serve them. */
function planPipeline(pipeline: readonly unknown[]): PipelinePlan {
  const stages = pipeline.map(stageOf);
  let at = 0;
  const leading = (name: string): unknown => (stages[at]?.[0] === name ? stages[at++]?.[1] : undefined);
  const matcher = compileFilter(leading("$match"));
  const sort = parseSort(leading("$sort"));
  const skip = leading("$skip");
  const limit = leading("$limit");
  const query = {
    matcher,
    sort,
    skip: skip === undefined ? 0 : positive(skip, "$skip", 0),
    limit: limit === undefined ? Number.POSITIVE_INFINITY : positive(limit, "$limit", 1),
  };
  const countAs = stages.length === at + 1 ? plainCount(stages[at]) : null;
  return { query, countAs, rest: compilePipeline(pipeline.slice(at)) };
}

function positive(value: unknown, name: string, least: number): number {
  const number = toSafeInteger(value, name);
  if (number < least) throw new StoreError("BadValue", `${name} must be at least ${least}`);
  return number;
}

/** `{$group: {_id: <constant>, <field>: {$sum: 1}}}`, which is how drivers count documents. */
function plainCount(stage: readonly [string, unknown] | undefined): PipelinePlan["countAs"] {
  if (stage?.[0] !== "$group" || !isDocument(stage[1])) return null;
  const { _id, ...fields } = stage[1];
  const [entry, ...others] = Object.entries(fields) as [string, unknown][];
  if (entry === undefined || others.length > 0 || !(isNumber(_id) || _id === null) || !isDocument(entry[1]))
    return null;
  const operand: unknown = entry[1]["$sum"];
  return isNumber(operand) && asDouble(operand) === 1 && !entry[0].includes(".")
    ? { _id, field: entry[0] }
    : null;
}

function run(reading: Reading, collection: Collection | undefined, plan: PipelinePlan): Iterable<Document> {
  if (collection === undefined) return plan.rest([]);
  const { query, countAs } = plan;
  if (countAs === null) return plan.rest(documentsOf(reading, collection, query));
  const n = countRows(reading, collection, query);
  return n === 0 ? [] : [{ _id: countAs._id, [countAs.field]: new Int32(n) }];
}

function* documentsOf(reading: Reading, collection: Collection, query: Query): Generator<Document> {
  for (const row of readRows(reading, collection, query)) yield decode(row.bytes);
}

function* encodedDocuments(documents: Iterable<Document>): Generator<Uint8Array> {
  for (const document of documents) yield encode(document);
}
