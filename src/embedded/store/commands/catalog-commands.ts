import { isDocument, decode, encode } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { createIndex, dropCollection, dropIndex } from "../catalog.ts";
import type { Collection } from "../catalog.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { parseIndexSpec } from "../index-spec.ts";
import type { IndexSpec } from "../index-spec.ts";
import { compileFilter, plainQuery, readRows } from "../query.ts";
import { indexDocument } from "../write-documents.ts";
import { collectionOf, integerOption, namespaceOf, statementsOf } from "./command.ts";
import type { Command, Context, WriteContext } from "./command.ts";

const ID_INDEX = { v: 2, key: { _id: 1 }, name: "_id_" };

function missing(context: Context, name: string): StoreError {
  return new StoreError("NamespaceNotFound", `ns does not exist: ${namespaceOf(context, name)}`);
}

export const CREATE_INDEXES: Command = {
  kind: "write",
  inTransaction: false,
  options: ["indexes", "commitQuorum"],
  run: (context) => {
    const specs = statementsOf(context.body, "indexes").map(parseIndexSpec);
    const namespace = namespaceOf(context, "createIndexes");
    const createdCollectionAutomatically = !context.view.catalog.has(namespace);
    const before = context.view.ensure(namespace);
    for (const spec of specs) addIndex(context, namespace, spec);
    const after = context.view.current(before);
    const numbers = {
      numIndexesBefore: before.indexes.length + 1,
      numIndexesAfter: after.indexes.length + 1,
    };
    return { ...numbers, createdCollectionAutomatically, ok: 1 };
  },
};

function addIndex(context: WriteContext, namespace: string, spec: IndexSpec): void {
  const { view, reading } = context;
  const collection = view.ensure(namespace);
  if (isSame(spec.document, { ...ID_INDEX, name: spec.name }) || existsAlready(collection, spec)) return;
  const index = createIndex(view.sql, collection, spec);
  view.put({ ...collection, indexes: [...collection.indexes, index] });
  // Read by the collection as it was: the planner must not use the index that is being filled.
  const plain = { ...collection, indexes: [] };
  for (const row of readRows(reading, plain, plainQuery(compileFilter({})))) {
    indexDocument(view, collection, index, { rid: row.rid, document: decode(row.bytes) });
  }
}

/** Indexes with one key may stand beside each other if they differ in what they hold. */
function existsAlready(collection: Collection, spec: IndexSpec): boolean {
  for (const { document, name } of collection.indexes) {
    if (isSame(document, spec.document)) return true;
    const sameEntries = isSame(signature(document), signature(spec.document));
    if (name === spec.name && !sameEntries) {
      throw new StoreError(
        "IndexKeySpecsConflict",
        `An existing index has the same name as the requested index: ${name}`,
      );
    }
    if (sameEntries) {
      throw new StoreError(
        "IndexOptionsConflict",
        `Index already exists with other options or name: ${name}`,
      );
    }
  }
  return false;
}

/** What an index holds, without its name and how long documents live. */
function signature(spec: Document): Document {
  const { key, unique = false, sparse = false, partialFilterExpression = null }: Document = spec;
  return { key, unique, sparse, partialFilterExpression };
}

function isSame(a: Document, b: Document): boolean {
  return Buffer.compare(encode(normal(a)), encode(normal(b))) === 0;
}

/** 1, 1.0 and NumberLong(1) are the same in an index; so is the order of the options. */
function normal(spec: Document): Document {
  const entries = Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1)) as [string, unknown][];
  const plain = entries.map(([name, value]): [string, unknown] => {
    if (name !== "key" && name !== "expireAfterSeconds" && name !== "v") return [name, value];
    return [
      name,
      isDocument(value) ? Object.entries(value).map(([path, d]) => [path, Number(d)]) : Number(value),
    ];
  });
  return Object.fromEntries<unknown>(plain);
}

export const LIST_INDEXES: Command = {
  kind: "read",
  inTransaction: false,
  options: ["cursor"],
  run: (context) => {
    const collection = collectionOf(context, "listIndexes");
    if (collection === undefined) throw missing(context, "listIndexes");
    const documents = [ID_INDEX, ...collection.indexes.map((index) => index.document)];
    return listReply(context, collection.namespace, documents);
  },
};

export const DROP_INDEXES: Command = {
  kind: "write",
  inTransaction: false,
  options: ["index"],
  run: (context) => {
    const { view, body } = context;
    const collection = collectionOf(context, "dropIndexes");
    if (collection === undefined) throw missing(context, "dropIndexes");
    const wanted: unknown = body["index"];
    if (isDocument(wanted)) throw notImplemented("dropIndexes by key");
    const names = (Array.isArray(wanted) ? wanted : [wanted]) as unknown[];
    if (names.includes("_id_")) throw new StoreError("InvalidOptions", "cannot drop _id index");
    const dropped = collection.indexes.filter((index) => wanted === "*" || names.includes(index.name));
    if (wanted !== "*" && dropped.length < names.length) {
      throw new StoreError("IndexNotFound", `index not found with name [${names.join(", ")}]`);
    }
    for (const index of dropped) dropIndex(view.sql, index);
    view.put({ ...collection, indexes: collection.indexes.filter((index) => !dropped.includes(index)) });
    return { nIndexesWas: collection.indexes.length + 1, ok: 1 };
  },
};

export const CREATE: Command = {
  kind: "write",
  inTransaction: true,
  options: [],
  run: (context) => {
    const namespace = namespaceOf(context, "create");
    if (context.view.catalog.has(namespace)) {
      throw new StoreError("NamespaceExists", `Collection ${namespace} already exists.`);
    }
    context.view.ensure(namespace);
    return { ok: 1 };
  },
};

export const DROP: Command = {
  kind: "write",
  inTransaction: false,
  options: [],
  run: (context) => {
    const { view } = context;
    const collection = collectionOf(context, "drop");
    if (collection === undefined) return { ok: 1 };
    dropCollection(view.sql, collection);
    view.remove(collection.namespace);
    return { ns: collection.namespace, nIndexesWas: collection.indexes.length + 1, ok: 1 };
  },
};

export const DROP_DATABASE: Command = {
  kind: "write",
  inTransaction: false,
  options: [],
  run: ({ view, database }) => {
    for (const collection of view.catalog.values()) {
      if (databaseOf(collection) !== database) continue;
      dropCollection(view.sql, collection);
      view.remove(collection.namespace);
    }
    return { dropped: database, ok: 1 };
  },
};

export const LIST_COLLECTIONS: Command = {
  kind: "read",
  inTransaction: false,
  options: ["filter", "nameOnly", "authorizedCollections", "cursor"],
  run: (context) => {
    const { body, database, reading } = context;
    const matcher = compileFilter(body["filter"]);
    const documents = [...reading.view.catalog.values()]
      .filter((collection) => databaseOf(collection) === database)
      .map((collection): Document => {
        const name = collection.namespace.slice(database.length + 1);
        return { name, type: "collection", options: {}, info: { readOnly: false }, idIndex: ID_INDEX };
      })
      .filter((document) => matcher.test(document))
      .map(
        ({ name, type, ...rest }) =>
          (body["nameOnly"] === true ? { name, type } : { name, type, ...rest }) as Document,
      );
    return listReply(context, `${database}.$cmd.listCollections`, documents);
  },
};

export const LIST_DATABASES: Command = {
  kind: "read",
  inTransaction: false,
  options: ["filter", "nameOnly", "authorizedDatabases"],
  run: ({ body, reading }) => {
    const matcher = compileFilter(body["filter"]);
    const names = [...new Set([...reading.view.catalog.values()].map(databaseOf))].sort();
    const databases = names.map((name) => ({ name })).filter((document) => matcher.test(document));
    if (body["nameOnly"] === true) return { databases, ok: 1 };
    return {
      databases: databases.map((database) => ({ ...database, sizeOnDisk: 0, empty: false })),
      totalSize: 0,
      ok: 1,
    };
  },
};

function databaseOf(collection: Collection): string {
  return collection.namespace.slice(0, collection.namespace.indexOf("."));
}

function listReply(context: Context, namespace: string, documents: readonly Document[]): Uint8Array {
  const { reading, transaction, body } = context;
  const options: unknown = body["cursor"];
  const batchSize = isDocument(options) ? integerOption(options, "batchSize") : null;
  const encoded = documents.map(encode)[Symbol.iterator]();
  return context.cursors.first({ namespace, documents: encoded, reading, transaction }, batchSize, false);
}
