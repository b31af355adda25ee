import { decode, encode } from "./bson-codec.ts";
import { parseIndexSpec } from "./index-spec.ts";
import type { IndexSpec } from "./index-spec.ts";
import { blob } from "./sql.ts";
import type { Sql } from "./sql.ts";

export interface Index extends IndexSpec {
  readonly id: number;
  /** Some document has an array on one of the fields, so it may have several entries. */
  readonly multikey: boolean;
}

export interface Collection {
  readonly id: number;
  readonly namespace: string;
  readonly indexes: readonly Index[];
}

/**
 * What exists, by namespace (`database.collection`). A value: a change makes a new one, so a rollback
 * is keeping the old one, and readers beside a transaction do not see what it has created.
 */
export type Catalog = ReadonlyMap<string, Collection>;

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS collections (id INTEGER PRIMARY KEY AUTOINCREMENT, ns TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL, spec BLOB NOT NULL,
    multikey INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS sessions (
    lsid BLOB PRIMARY KEY, txn INTEGER NOT NULL, reply BLOB, at INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sessions_by_age ON sessions (at);
`;

export function loadCatalog(sql: Sql): Catalog {
  const catalog = new Map<string, Collection>();
  for (const row of sql.all("SELECT id, ns FROM collections")) {
    const indexes = sql
      .all("SELECT id, spec, multikey FROM indexes WHERE collection = ? ORDER BY id", row["id"] ?? null)
      .map((index) => ({
        ...parseIndexSpec(decode(blob(index["spec"]))),
        id: Number(index["id"]),
        multikey: index["multikey"] === 1,
      }));
    const namespace = String(row["ns"]);
    catalog.set(namespace, { id: Number(row["id"]), namespace, indexes });
  }
  return catalog;
}

export function createCollection(sql: Sql, namespace: string): Collection {
  const id = sql.run("INSERT INTO collections (ns) VALUES (?)", namespace).rowid;
  sql.exec(`CREATE TABLE c${id} (rid INTEGER PRIMARY KEY, k BLOB NOT NULL UNIQUE, d BLOB NOT NULL)`);
  return { id, namespace, indexes: [] };
}

export function dropCollection(sql: Sql, collection: Collection): void {
  for (const index of collection.indexes) dropIndex(sql, index);
  sql.exec(`DROP TABLE c${collection.id}`);
  sql.run("DELETE FROM collections WHERE id = ?", collection.id);
}

/** Creates an empty index. `rid` is part of the key where several documents may share an entry. */
export function createIndex(sql: Sql, collection: Collection, spec: IndexSpec): Index {
  const id = sql.run(
    "INSERT INTO indexes (collection, spec) VALUES (?, ?)",
    collection.id,
    encode(spec.document),
  ).rowid;
  const primary = spec.unique ? "k" : "k, rid";
  sql.exec(
    `CREATE TABLE i${id} (k BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (${primary})) WITHOUT ROWID`,
  );
  return { ...spec, id, multikey: false };
}

export function dropIndex(sql: Sql, index: Index): void {
  sql.exec(`DROP TABLE i${index.id}`);
  sql.run("DELETE FROM indexes WHERE id = ?", index.id);
}

export function markMultikey(sql: Sql, index: Index): void {
  sql.run("UPDATE indexes SET multikey = 1 WHERE id = ?", index.id);
}
