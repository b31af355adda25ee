import { decode, encode } from "../bson-codec.ts";
import type { Collection } from "../catalog.ts";
import { Long } from "bson";
import { StoreError } from "../errors.ts";
import { keyString } from "../keys.ts";
import { someValue } from "../paths.ts";
import { planQuery } from "../planner.ts";
import { compileProjection } from "../project.ts";
import { compileFilter, plainQuery, readRows } from "../query.ts";
import type { Query } from "../query.ts";
import { decodeFields } from "../raw-bson.ts";
import { countEntries } from "../scan.ts";
import type { Reading } from "../scan.ts";
import { parseSort } from "../sort.ts";
import { collectionOf, integerOption, namespaceOf, refuseWhenSet } from "./command.ts";
import type { Command, Context } from "./command.ts";

export const FIND: Command = {
  kind: "read",
  inTransaction: true,
  options: [
    "filter",
    "sort",
    "projection",
    "skip",
    "limit",
    "batchSize",
    "singleBatch",
    "noCursorTimeout",
    "allowDiskUse",
    "tailable",
    "awaitData",
    "returnKey",
    "showRecordId",
    "allowPartialResults",
  ],
  run: (context) => {
    const { body, reading, cursors, transaction } = context;
    refuseWhenSet(body, "noCursorTimeout", "tailable", "awaitData", "returnKey", "showRecordId");
    const query: Query = {
      matcher: compileFilter(body["filter"]),
      sort: parseSort(body["sort"]),
      skip: integerOption(body, "skip") ?? 0,
      // Zero stands for no limit.
      limit: integerOption(body, "limit") || Number.POSITIVE_INFINITY,
    };
    const project = compileProjection(body["projection"]);
    const namespace = namespaceOf(context, "find");
    const collection = collectionOf(context, "find");
    const rows = collection === undefined ? [] : readRows(reading, collection, query);
    const documents = encodedRows(rows, project);
    const cursor = { namespace, documents, reading, transaction };
    return cursors.first(cursor, integerOption(body, "batchSize"), body["singleBatch"] === true);
  },
};

function* encodedRows(
  rows: Iterable<{ bytes: Uint8Array }>,
  project: ReturnType<typeof compileProjection>,
): Generator<Uint8Array> {
  for (const { bytes } of rows) yield project === null ? bytes : encode(project(decode(bytes)));
}

export const GET_MORE: Command = {
  kind: "read",
  inTransaction: true,
  options: ["collection", "batchSize"],
  run: ({ database, body, reading, cursors, transaction }) => {
    const id: unknown = body["getMore"];
    if (!(id instanceof Long)) throw new StoreError("TypeMismatch", "getMore needs a cursor id");
    const namespace = `${database}.${String(body["collection"])}`;
    return cursors.next(id.toBigInt(), integerOption(body, "batchSize") || null, {
      namespace,
      reading,
      transaction,
    });
  },
};

export const KILL_CURSORS: Command = {
  kind: "read",
  inTransaction: true,
  options: ["cursors"],
  run: ({ body, cursors }) => {
    const ids: unknown = body["cursors"];
    if (!Array.isArray(ids)) throw new StoreError("TypeMismatch", "killCursors needs an array of cursors");
    const known = ids.filter((id): id is Long => id instanceof Long);
    const killed = known.filter((id) => cursors.kill(id.toBigInt()));
    const notFound = known.filter((id) => !killed.includes(id));
    return { cursorsKilled: killed, cursorsNotFound: notFound, cursorsAlive: [], cursorsUnknown: [], ok: 1 };
  },
};

export const COUNT: Command = {
  kind: "read",
  inTransaction: false,
  options: ["query", "skip", "limit"],
  run: (context) => {
    const { body, reading } = context;
    const query: Query = {
      ...plainQuery(compileFilter(body["query"])),
      skip: integerOption(body, "skip") ?? 0,
      limit: integerOption(body, "limit") || Number.POSITIVE_INFINITY,
    };
    const collection = collectionOf(context, "count");
    return { n: collection === undefined ? 0 : countRows(reading, collection, query), ok: 1 };
  },
};

/** Counts without reading a document where an index holds exactly what the filter asks for. */
export function countRows(reading: Reading, collection: Collection, query: Query): number {
  const plan = planQuery(collection, query.matcher, []);
  if (!plan.exact) {
    let n = 0;
    for (const _ of readRows(reading, collection, query)) n++;
    return n;
  }
  const all = countEntries(reading.view, collection, plan);
  return Math.max(0, Math.min(all - query.skip, query.limit));
}

export const DISTINCT: Command = {
  kind: "read",
  inTransaction: true,
  options: ["key", "query"],
  run: (context: Context) => {
    const { body, reading } = context;
    const path: unknown = body["key"];
    if (typeof path !== "string" || path === "") throw new StoreError("TypeMismatch", "distinct needs a key");
    const matcher = compileFilter(body["query"]);
    const collection = collectionOf(context, "distinct");
    const values = new Map<string, unknown>();
    const note = (value: unknown): void => {
      if (value !== undefined) values.set(keyString(value), values.get(keyString(value)) ?? value);
    };
    const parts = path.split(".");
    const roots = new Set(parts.slice(0, 1));
    const rows = collection === undefined ? [] : readRows(reading, collection, plainQuery(matcher));
    for (const row of rows) {
      someValue(decodeFields(row.bytes, roots), parts, (value) => {
        if (Array.isArray(value)) value.forEach(note);
        else note(value);
        return false;
      });
    }
    return { values: [...values.values()], ok: 1 };
  },
};
