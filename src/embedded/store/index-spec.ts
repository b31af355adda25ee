import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { truthy } from "./aggregate/values.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { compileMatcher } from "./match.ts";
import type { Matcher } from "./match.ts";
import { toSafeInteger } from "./numbers.ts";
import { isArrayIndex } from "./paths.ts";
import { parseSort } from "./sort.ts";
import type { SortField } from "./sort.ts";

export interface IndexSpec {
  readonly name: string;
  readonly fields: readonly SortField[];
  readonly unique: boolean;
  readonly sparse: boolean;
  readonly partial: Matcher | null;
  readonly expireAfterSeconds: number | null;
  /** Top-level fields whose change can change the index's entries; null when any can. */
  readonly roots: ReadonlySet<string> | null;
  /** As listIndexes shows it. */
  readonly document: Document;
}

const OPTIONS = new Set([
  "v",
  "key",
  "name",
  "unique",
  "sparse",
  "partialFilterExpression",
  "expireAfterSeconds",
  "background",
  "ns",
]);
const PARTIAL_OPERATORS = new Set([
  "$eq",
  "$exists",
  "$gt",
  "$gte",
  "$lt",
  "$lte",
  "$type",
  "$in",
  "$and",
  "$or",
]);

/** Reads one entry of createIndexes. Kinds and options that are not supported are refused. */
export function parseIndexSpec(spec: Document): IndexSpec {
  for (const option of Object.keys(spec)) {
    if (!OPTIONS.has(option)) throw notImplemented(`index option ${option}`);
  }
  const key: unknown = spec["key"];
  const name: unknown = spec["name"];
  if (!isDocument(key) || Object.keys(key).length === 0)
    throw new StoreError("BadValue", "an index needs a key");
  if (typeof name !== "string" || name === "") throw new StoreError("BadValue", "an index needs a name");
  const fields = parseSort(key);
  for (const { path, parts } of fields) {
    if (parts.some((part) => part.startsWith("$") || part === "" || isArrayIndex(part))) {
      throw notImplemented(`an index on the path ${path}`);
    }
  }
  const partial = parsePartial(spec["partialFilterExpression"]);
  const sparse = truthy(spec["sparse"] ?? false);
  if (partial !== null && sparse)
    throw new StoreError("BadValue", "an index cannot be both partial and sparse");
  return {
    name,
    fields,
    unique: truthy(spec["unique"] ?? false),
    sparse,
    partial,
    expireAfterSeconds: parseExpiry(spec["expireAfterSeconds"], fields),
    roots: rootsOf(fields, partial),
    document: listed(spec),
  };
}

function parsePartial(filter: unknown): Matcher | null {
  if (filter === undefined) return null;
  if (!isDocument(filter)) throw new StoreError("TypeMismatch", "partialFilterExpression must be a document");
  requirePartialOperators(filter);
  return compileMatcher(filter);
}

function requirePartialOperators(value: unknown): void {
  if (Array.isArray(value)) value.forEach(requirePartialOperators);
  if (!isDocument(value)) return;
  for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
    if (name.startsWith("$") && !PARTIAL_OPERATORS.has(name)) {
      throw notImplemented(`${name} in a partialFilterExpression`);
    }
    requirePartialOperators(inner);
  }
}

function parseExpiry(value: unknown, fields: readonly SortField[]): number | null {
  if (value === undefined) return null;
  const seconds = toSafeInteger(value, "expireAfterSeconds");
  if (seconds < 0 || fields.length !== 1) {
    throw new StoreError("BadValue", "expireAfterSeconds needs a single-field index and may not be negative");
  }
  return seconds;
}

function rootsOf(fields: readonly SortField[], partial: Matcher | null): Set<string> | null {
  if (partial !== null && partial.roots === null) return null;
  return new Set([...fields.map((field) => field.parts[0] ?? ""), ...(partial?.roots ?? [])]);
}

function listed(spec: Document): Document {
  const { key, name, ...options } = spec;
  delete options["v"];
  delete options["background"];
  delete options["ns"];
  return { v: 2, key: key as unknown, name: name as unknown, ...options };
}
