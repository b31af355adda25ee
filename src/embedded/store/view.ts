import type { Catalog, Collection } from "./catalog.ts";
import { createCollection } from "./catalog.ts";
import { StoreError } from "./errors.ts";
import type { Sql } from "./sql.ts";

/** What a command sees: a connection and the catalogue that goes with it. */
export interface View {
  readonly sql: Sql;
  readonly catalog: Catalog;
}

/** The one view that may write. Its catalogue is replaced as collections and indexes change. */
export class WriteView implements View {
  readonly sql: Sql;
  catalog: Catalog;

  constructor(sql: Sql, catalog: Catalog) {
    this.sql = sql;
    this.catalog = catalog;
  }

  /** The collection, created if it does not exist, as a write does in MongoDB. */
  ensure(namespace: string): Collection {
    const known = this.catalog.get(namespace);
    if (known !== undefined) return known;
    requireNamespace(namespace);
    const created = createCollection(this.sql, namespace);
    this.put(created);
    return created;
  }

  put(collection: Collection): void {
    this.catalog = new Map(this.catalog).set(collection.namespace, collection);
  }

  remove(namespace: string): void {
    const catalog = new Map(this.catalog);
    catalog.delete(namespace);
    this.catalog = catalog;
  }

  /** The collection as it is now; a write may have changed its indexes since the caller looked. */
  current(collection: Collection): Collection {
    return this.catalog.get(collection.namespace) ?? collection;
  }
}

function requireNamespace(namespace: string): void {
  const collection = namespace.slice(namespace.indexOf(".") + 1);
  if (
    collection === "" ||
    collection.includes("$") ||
    collection.startsWith("system.") ||
    namespace.length > 255
  ) {
    throw new StoreError("InvalidNamespace", `Invalid namespace specified '${namespace}'`);
  }
}
