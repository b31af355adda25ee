import { ObjectId } from "bson";
import { encodeStored, isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import type { Collection, Index } from "./catalog.ts";
import { markMultikey } from "./catalog.ts";
import { StoreError } from "./errors.ts";
import { indexEntries } from "./index-keys.ts";
import type { IndexEntries } from "./index-keys.ts";
import { encodeKey } from "./keys.ts";
import { ownField } from "./paths.ts";
import { isRegex } from "./regex.ts";
import { sortKey } from "./sort.ts";
import type { WriteView } from "./view.ts";

/** A stored document as a scan hands it out. */
export interface StoredRow {
  readonly rid: number;
  readonly bytes: Uint8Array;
}

/** Inserts one document, `_id` first and made if missing. Nothing is written when a key is taken. */
export function insertDocument(view: WriteView, target: Collection, document: Document): Document {
  const stored = withId(document);
  const collection = view.current(target);
  const bytes = encodeStored(stored);
  const idKey = encodeKey(stored["_id"]);
  const entries = collection.indexes.map((index) => indexEntries(index, stored));
  if (collection.indexes.some((index) => index.unique)) {
    requireFreeId(view, collection, stored, idKey);
    requireFreeKeys(view, collection, stored, { entries, rid: -1 });
  }
  const { sql } = view;
  const { changes, rowid } = sql.run(
    `INSERT OR IGNORE INTO c${collection.id} (k, d) VALUES (?, ?)`,
    idKey,
    bytes,
  );
  if (changes === 0)
    throw duplicateKey(collection, { name: "_id_", key: { _id: 1 } }, { _id: stored["_id"] as unknown });
  for (const [at, index] of collection.indexes.entries())
    addEntries(view, collection, index, { rid: rowid, entries: entries[at] });
  return stored;
}

/** Replaces a document by a newer state of itself; `changed` names the top-level fields, null for all. */
export function replaceDocument(
  view: WriteView,
  target: Collection,
  row: StoredRow,
  states: { before: Document; after: Document; bytes: Uint8Array; changed: ReadonlySet<string> | null },
): void {
  const collection = view.current(target);
  const affected = collection.indexes.filter((index) => isAffected(index, states.changed));
  const entries = affected.map((index) => indexEntries(index, states.after));
  requireFreeKeys(view, { ...collection, indexes: affected }, states.after, { entries, rid: row.rid });
  for (const [at, index] of affected.entries()) {
    const old = indexEntries(index, states.before);
    const next = entries[at];
    if (next === undefined || sameKeys(old, next)) continue;
    removeEntries(view, index, row.rid, old);
    addEntries(view, collection, index, { rid: row.rid, entries: next });
  }
  view.sql.run(`UPDATE c${collection.id} SET d = ? WHERE rid = ?`, states.bytes, row.rid);
}

export function deleteDocument(
  view: WriteView,
  target: Collection,
  row: StoredRow,
  document: Document,
): void {
  const collection = view.current(target);
  for (const index of collection.indexes) removeEntries(view, index, row.rid, indexEntries(index, document));
  view.sql.run(`DELETE FROM c${collection.id} WHERE rid = ?`, row.rid);
}

/** Adds a document that is already stored to a new index. */
export function indexDocument(
  view: WriteView,
  target: Collection,
  index: Index,
  row: { rid: number; document: Document },
): void {
  const collection = view.current(target);
  const current = collection.indexes.find((other) => other.id === index.id) ?? index;
  const entries = indexEntries(current, row.document);
  requireFreeKeys(view, { ...collection, indexes: [current] }, row.document, {
    entries: [entries],
    rid: row.rid,
  });
  addEntries(view, collection, current, { rid: row.rid, entries });
}

function isAffected(index: Index, changed: ReadonlySet<string> | null): boolean {
  if (changed === null || index.roots === null) return true;
  for (const root of index.roots) if (changed.has(root)) return true;
  return false;
}

function sameKeys(a: IndexEntries, b: IndexEntries): boolean {
  return (
    a.keys.length === b.keys.length && a.keys.every((key, at) => key.equals(b.keys[at] ?? Buffer.alloc(0)))
  );
}

function addEntries(
  view: WriteView,
  collection: Collection,
  index: Index,
  added: { rid: number; entries: IndexEntries | undefined },
): void {
  const { entries, rid } = added;
  if (entries === undefined) return;
  for (const key of entries.keys) view.sql.run(`INSERT INTO i${index.id} (k, rid) VALUES (?, ?)`, key, rid);
  if (!entries.multikey || index.multikey) return;
  markMultikey(view.sql, index);
  const now = view.current(collection);
  const indexes = now.indexes.map((other) => (other.id === index.id ? { ...other, multikey: true } : other));
  view.put({ ...now, indexes });
}

function removeEntries(view: WriteView, index: Index, rid: number, entries: IndexEntries): void {
  for (const key of entries.keys) view.sql.run(`DELETE FROM i${index.id} WHERE k = ? AND rid = ?`, key, rid);
}

function requireFreeId(view: WriteView, collection: Collection, document: Document, idKey: Buffer): void {
  if (view.sql.get(`SELECT rid FROM c${collection.id} WHERE k = ?`, idKey) === undefined) return;
  throw duplicateKey(collection, { name: "_id_", key: { _id: 1 } }, { _id: document["_id"] as unknown });
}

function requireFreeKeys(
  view: WriteView,
  collection: Collection,
  document: Document,
  own: { entries: readonly IndexEntries[]; rid: number },
): void {
  for (const [at, index] of collection.indexes.entries()) {
    if (!index.unique) continue;
    for (const key of own.entries[at]?.keys ?? []) {
      const holder = view.sql.get(`SELECT rid FROM i${index.id} WHERE k = ?`, key);
      if (holder === undefined || holder["rid"] === own.rid) continue;
      const keyDocument = index.document["key"] as Document;
      throw duplicateKey(
        collection,
        { name: index.name, key: keyDocument },
        takenValues(index, document, key),
      );
    }
  }
}

/** The values that were taken: of an array, the element whose key it is. */
function takenValues(index: Index, document: Document, taken: Buffer): Document {
  const values: Document = {};
  for (const field of index.fields) {
    const found = valuesOn(document, field.parts);
    const match = found.find((value) => {
      const part = sortKey({ value: [value] }, [
        { path: "value", parts: ["value"], direction: field.direction },
      ]);
      return taken.includes(part);
    });
    values[field.path] = match ?? null;
  }
  return values;
}

function valuesOn(value: unknown, parts: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((element: unknown) => valuesOn(element, parts));
  const [part, ...rest] = parts;
  if (part === undefined) return [value];
  return isDocument(value) ? valuesOn(ownField(value, part), rest) : [];
}

function duplicateKey(
  collection: Collection,
  index: { name: string; key: Document },
  values: Document,
): StoreError {
  const shown = Object.entries(values).map(([path, value]) => `${path}: ${show(value)}`);
  const message = `E11000 duplicate key error collection: ${collection.namespace} index: ${index.name} dup key: { ${shown.join(", ")} }`;
  return new StoreError("DuplicateKey", message, { details: { keyPattern: index.key, keyValue: values } });
}

function show(value: unknown): string {
  if (value instanceof ObjectId) return `ObjectId('${value.toHexString()}')`;
  return JSON.stringify(value) ?? "null";
}

/** The document with `_id` as its first field. */
export function withId(document: Document): Document {
  const id = ownField(document, "_id");
  if (id === undefined) return { _id: new ObjectId(), ...document };
  if (Array.isArray(id) || isRegex(id)) {
    throw new StoreError(
      "InvalidIdField",
      `The '_id' value cannot be of type ${Array.isArray(id) ? "array" : "regex"}`,
    );
  }
  if (isDocument(id) && Object.keys(id).some((key) => key.startsWith("$"))) {
    throw new StoreError("DollarPrefixedFieldName", "_id fields may not contain '$'-prefixed fields");
  }
  if (Object.keys(document)[0] === "_id") return document;
  const { _id, ...rest } = document;
  return { _id: _id as unknown, ...rest };
}
