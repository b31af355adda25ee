import { Int32 } from "bson";
import { encode, isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { toSafeInteger } from "../numbers.ts";
import { compileFilter } from "../query.ts";
import { parseSort, sortItems, sortKey } from "../sort.ts";
import { compileProject, compileReplaceRoot, compileSet, compileUnset } from "./fields.ts";
import type { Transform } from "./fields.ts";
import { compileGroup } from "./group.ts";
import { compileUnwind } from "./unwind.ts";

export type Stage = (input: Iterable<Document>) => Iterable<Document>;

/** Splits a stage into its name and specification. */
export function stageOf(stage: unknown): [string, unknown] {
  const entries = isDocument(stage) ? Object.entries(stage) : [];
  const [only] = entries;
  if (only === undefined || entries.length !== 1) {
    throw new StoreError("BadValue", "A pipeline stage specification object must contain exactly one field.");
  }
  return only as [string, unknown];
}

/** Compiles stages into one; each document flows through as soon as it is read. */
export function compilePipeline(stages: readonly unknown[]): Stage {
  const compiled = stages.map((stage) => compileStage(...stageOf(stage)));
  return (input) => compiled.reduce((documents, stage) => stage(documents), input);
}

function compileStage(name: string, spec: unknown): Stage {
  switch (name) {
    case "$match": {
      const matcher = compileFilter(spec);
      return (input) => filtered(input, (document) => matcher.test(document));
    }
    case "$project":
      return mapped(compileProject(spec));
    case "$set":
    case "$addFields":
      return mapped(compileSet(spec));
    case "$unset":
      return mapped(compileUnset(spec));
    case "$replaceWith":
      return mapped(compileReplaceRoot(spec));
    case "$replaceRoot":
      return mapped(compileReplaceRoot(onlyField(spec, "newRoot")));
    case "$group":
      return compileGroup(spec);
    case "$unwind":
      return compileUnwind(spec);
    case "$sort":
      return compileSort(spec);
    case "$limit": {
      const limit = toSafeInteger(spec, "$limit");
      if (limit <= 0) throw new StoreError("BadValue", "the limit must be positive");
      return (input) => limited(input, limit);
    }
    case "$skip": {
      const skip = toSafeInteger(spec, "$skip");
      return (input) => skipped(input, skip);
    }
    case "$count":
      return compileCount(spec);
    case "$facet":
      return compileFacet(spec);
    default:
      throw notImplemented(`aggregation stage ${name}`);
  }
}

function onlyField(spec: unknown, field: string): unknown {
  if (!isDocument(spec) || Object.keys(spec).join() !== field)
    throw new StoreError("BadValue", `expected {${field}: …}`);
  return spec[field];
}

function mapped(transform: Transform): Stage {
  return function* (input) {
    for (const document of input) yield transform(document);
  };
}

function* filtered(input: Iterable<Document>, test: (document: Document) => boolean): Generator<Document> {
  for (const document of input) if (test(document)) yield document;
}

function* limited(input: Iterable<Document>, limit: number): Generator<Document> {
  let left = limit;
  for (const document of input) {
    yield document;
    if (--left === 0) return;
  }
}

function* skipped(input: Iterable<Document>, skip: number): Generator<Document> {
  let left = skip;
  for (const document of input) if (left-- <= 0) yield document;
}

function compileSort(spec: unknown): Stage {
  const sort = parseSort(spec);
  if (sort.length === 0) throw new StoreError("BadValue", "$sort stage must have at least one sort key");
  return function* (input) {
    const sizeOf = (document: Document): number => encode(document).length;
    yield* sortItems(input, (document) => sortKey(document, sort), sizeOf, Number.POSITIVE_INFINITY);
  };
}

function compileCount(spec: unknown): Stage {
  if (typeof spec !== "string" || spec === "" || spec.startsWith("$") || spec.includes(".")) {
    throw new StoreError("BadValue", "the count field must be a plain non-empty string");
  }
  return function* (input) {
    let count = 0;
    for (const _ of input) count++;
    if (count > 0) yield { [spec]: new Int32(count) };
  };
}

/** Every facet reads the same documents, so they are held in memory. */
function compileFacet(spec: unknown): Stage {
  if (!isDocument(spec) || Object.keys(spec).length === 0)
    throw new StoreError("BadValue", "$facet needs an object");
  const facets = Object.entries(spec).map(([name, stages]): [string, Stage] => {
    if (!Array.isArray(stages)) throw new StoreError("BadValue", `facet ${name} needs a pipeline`);
    return [name, compilePipeline(stages)];
  });
  return function* (input) {
    const documents = Array.from(input);
    yield Object.fromEntries<unknown>(facets.map(([name, stage]) => [name, Array.from(stage(documents))]));
  };
}
