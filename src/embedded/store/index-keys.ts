import type { Index } from "./catalog.ts";
import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError } from "./errors.ts";
import { encodeKey, invert, orderedKeys } from "./keys.ts";
import { MISSING, ownField } from "./paths.ts";
import type { SortField } from "./sort.ts";

export interface IndexEntries {
  readonly keys: readonly Buffer[];
  /** An array stood on one of the fields. */
  readonly multikey: boolean;
}

interface FieldValues {
  values: unknown[];
  array: boolean;
}

const NONE: IndexEntries = { keys: [], multikey: false };

/** The entries of a document in an index: one, or one per element where a field is an array. */
export function indexEntries(
  index: Pick<Index, "fields" | "sparse" | "partial">,
  document: Document,
): IndexEntries {
  if (index.partial !== null && !index.partial.test(document)) return NONE;
  const perField = index.fields.map((field) => valuesAt(document, field.parts));
  if (index.sparse && perField.every(({ values }) => values.every((value) => value === MISSING))) return NONE;
  const arrays = perField.filter((field) => field.array).length;
  if (arrays > 1) throw new StoreError("CannotIndexParallelArrays", "cannot index parallel arrays");
  let keys: Buffer[] = [Buffer.alloc(0)];
  for (const [at, field] of index.fields.entries()) {
    const parts = (perField[at]?.values ?? []).map((value) => fieldKey(value, field));
    keys = keys.flatMap((prefix) => parts.map((part) => (at === 0 ? part : Buffer.concat([prefix, part]))));
  }
  return arrays === 0 ? { keys, multikey: false } : { keys: orderedKeys(keys), multikey: true };
}

/** The key of one field's value in the index: missing counts as null, an empty array as undefined. */
function fieldKey(value: unknown, field: SortField): Buffer {
  const key = encodeKey(value === MISSING ? null : value === EMPTY_ARRAY ? undefined : value);
  return field.direction === 1 ? key : invert(key);
}

const EMPTY_ARRAY = Symbol("empty array");

function valuesAt(document: Document, parts: readonly string[]): FieldValues {
  const found: FieldValues = { values: [], array: false };
  collect(document, parts, 0, found);
  // Every document has an entry, one without any value as if the field were missing.
  if (found.values.length === 0) found.values.push(MISSING);
  return found;
}

function collect(value: unknown, parts: readonly string[], at: number, found: FieldValues): void {
  if (Array.isArray(value)) {
    found.array = true;
    if (value.length === 0 && at === parts.length) found.values.push(EMPTY_ARRAY);
    for (const element of value as unknown[]) {
      // An array inside an array is one value at the end of the path, and nothing on the way.
      if (at === parts.length) found.values.push(element);
      else if (isDocument(element)) collect(element, parts, at, found);
    }
    return;
  }
  const part = parts[at];
  if (part === undefined) found.values.push(value);
  else collect(isDocument(value) ? ownField(value, part) : MISSING, parts, at + 1, found);
}
