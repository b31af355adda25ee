import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { encodeKey, invert } from "./keys.ts";
import { asDouble, isNumber } from "./numbers.ts";
import { MISSING, someValue } from "./paths.ts";

export interface SortField {
  readonly path: string;
  readonly parts: readonly string[];
  readonly direction: 1 | -1;
}

/** Sorting holds what it sorts in memory, up to MongoDB's own limit for that. */
const MAX_SORT_BYTES = 100 * 1024 * 1024;

/** Reads a sort document (or the key of an index, which has the same form). */
export function parseSort(spec: unknown): SortField[] {
  if (spec === undefined || spec === null) return [];
  if (!isDocument(spec)) throw new StoreError("TypeMismatch", "a sort must be a document");
  return Object.entries(spec).map(([path, value]: [string, unknown]) => {
    if (isDocument(value)) throw notImplemented(`sort by ${Object.keys(value).join()}`);
    if (typeof value === "string") throw notImplemented(`a ${value} index`);
    if (path.startsWith("$")) throw notImplemented(`sort by ${path}`);
    const direction = isNumber(value) ? asDouble(value) : 0;
    if (direction !== 1 && direction !== -1) {
      throw new StoreError("BadValue", "a sort direction must be 1 or -1");
    }
    if (path === "") throw new StoreError("BadValue", "cannot sort by an empty path");
    return { path, parts: path.split("."), direction };
  });
}

/** One key for the whole sort: an array counts as its smallest element ascending, its largest descending. */
export function sortKey(document: Document, sort: readonly SortField[]): Buffer {
  const [only] = sort;
  if (sort.length === 1 && only !== undefined) return fieldKey(document, only);
  return Buffer.concat(sort.map((field) => fieldKey(document, field)));
}

function fieldKey(document: Document, field: SortField): Buffer {
  let best: Buffer | null = null;
  const consider = (value: unknown): void => {
    const key = encodeKey(value);
    if (best === null || Buffer.compare(key, best) * field.direction < 0) best = key;
  };
  someValue(document, field.parts, (value) => {
    if (!Array.isArray(value)) consider(value === MISSING ? null : value);
    else if (value.length === 0) consider(undefined);
    else for (const element of value) consider(element);
    return false;
  });
  const key = best ?? encodeKey(null);
  return field.direction === 1 ? key : invert(key);
}

interface Entry<T> {
  key: Buffer;
  item: T;
}

/** Sorts, equal keys in their first order. With a limit only the best `limit` entries are ever kept. */
export function sortItems<T>(
  items: Iterable<T>,
  keyOf: (item: T) => Buffer,
  sizeOf: (item: T) => number,
  limit: number,
): T[] {
  let kept: Entry<T>[] = [];
  let bytes = 0;
  const trim = (): void => {
    kept.sort((a, b) => Buffer.compare(a.key, b.key));
    kept = kept.slice(0, limit);
    bytes = kept.reduce((sum, entry) => sum + entry.key.length + sizeOf(entry.item), 0);
  };
  for (const item of items) {
    const key = keyOf(item);
    kept.push({ key, item });
    bytes += key.length + sizeOf(item);
    if (kept.length >= 2 * limit + 64) trim();
    if (bytes <= MAX_SORT_BYTES) continue;
    trim();
    if (bytes > MAX_SORT_BYTES) {
      throw new StoreError("QueryExceededMemoryLimit", "a sort without an index exceeded 100 MB");
    }
  }
  trim();
  return kept.map((entry) => entry.item);
}
