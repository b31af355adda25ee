import { Long } from "bson";
import { isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { MISSING, ownField, setField } from "../paths.ts";

interface Unwind {
  readonly parts: readonly string[];
  readonly keepEmpty: boolean;
  readonly indexField: string | null;
}

/** `$unwind`, by path or with its options. */
export function compileUnwind(spec: unknown): (input: Iterable<Document>) => Iterable<Document> {
  const options: Document = isDocument(spec) ? spec : { path: spec };
  for (const name of Object.keys(options)) {
    if (!["path", "includeArrayIndex", "preserveNullAndEmptyArrays"].includes(name))
      throw notImplemented(`${name} in $unwind`);
  }
  const path: unknown = options["path"];
  if (typeof path !== "string" || !path.startsWith("$")) {
    throw new StoreError("BadValue", "path option to $unwind stage should be prefixed with a '$'");
  }
  const indexField: unknown = options["includeArrayIndex"] ?? null;
  if (indexField !== null && (typeof indexField !== "string" || /^\$|\./.test(indexField))) {
    throw notImplemented("this includeArrayIndex of $unwind");
  }
  const unwind = {
    parts: path.slice(1).split("."),
    keepEmpty: options["preserveNullAndEmptyArrays"] === true,
    indexField,
  };
  return function* (input) {
    for (const document of input) yield* unwound(document, unwind);
  };
}

function* unwound(document: Document, unwind: Unwind): Generator<Document> {
  const { parts, keepEmpty, indexField } = unwind;
  const value = parts.reduce<unknown>(
    (at, part) => (isDocument(at) ? ownField(at, part) : MISSING),
    document,
  );
  const elements: readonly unknown[] = Array.isArray(value)
    ? value
    : value === null || value === MISSING
      ? []
      : [value];
  for (const [index, element] of elements.entries()) {
    const result = withValue(document, parts, element);
    if (indexField !== null)
      setField(result, indexField, Array.isArray(value) ? Long.fromNumber(index) : null);
    yield result;
  }
  if (elements.length > 0 || !keepEmpty) return;
  const kept = value === null || value === MISSING ? { ...document } : withValue(document, parts, MISSING);
  if (indexField !== null) setField(kept, indexField, null);
  yield kept;
}

function withValue(document: Document, parts: readonly string[], value: unknown): Document {
  const [name = "", ...rest] = parts;
  const copy = { ...document };
  if (rest.length > 0) setField(copy, name, withValue(copy[name] as Document, rest, value));
  else if (value === MISSING) delete copy[name];
  else setField(copy, name, value);
  return copy;
}
