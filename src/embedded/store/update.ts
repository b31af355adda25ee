import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { encodeKey } from "./keys.ts";
import { compileMatcher, conjuncts } from "./match.ts";
import type { Matcher } from "./match.ts";
import { pathsOverlap, setField } from "./paths.ts";
import { positionOf } from "./positional.ts";
import { checkOperand, updateOperator } from "./update-operators.ts";
import type { Modifier } from "./update-operators.ts";
import { expandPath, locate, write } from "./update-path.ts";

interface Change {
  readonly operator: string;
  readonly path: string;
  readonly parts: readonly string[];
  readonly operand: unknown;
  readonly apply: Modifier;
}

/** A compiled update: operators, or a whole new document. */
export interface Update {
  readonly replacement: Document | null;
  readonly changes: readonly Change[];
  /** Top-level fields it can touch; null for all. */
  readonly roots: ReadonlySet<string> | null;
  readonly elementFilters: ReadonlyMap<string, Matcher>;
}

export function compileUpdate(spec: unknown, arrayFilters: unknown): Update {
  if (Array.isArray(spec)) throw notImplemented("an update by aggregation pipeline");
  if (!isDocument(spec)) throw new StoreError("FailedToParse", "an update must be a document");
  const names = Object.keys(spec);
  const elementFilters = compileArrayFilters(arrayFilters);
  if (!names.some((name) => name.startsWith("$"))) {
    if (elementFilters.size > 0)
      throw new StoreError("FailedToParse", "arrayFilters may not be used with a replacement");
    return { replacement: spec, changes: [], roots: null, elementFilters };
  }
  const changes = names.flatMap((operator) => compileOperator(operator, spec[operator]));
  requireNoConflicts(changes);
  requireFiltersUsed(changes, elementFilters);
  const roots = new Set(changes.map(({ parts }) => parts[0] ?? ""));
  return { replacement: null, changes, roots, elementFilters };
}

function compileOperator(operator: string, fields: unknown): Change[] {
  const apply = updateOperator(operator);
  if (!isDocument(fields)) {
    throw new StoreError("FailedToParse", `Modifiers operate on fields but ${operator} has no document`);
  }
  return Object.entries(fields).map(([path, operand]: [string, unknown]) => {
    const parts = path.split(".");
    if (parts.includes("") || parts[0]?.startsWith("$") === true) {
      throw new StoreError("DollarPrefixedFieldName", `The update path '${path}' is not valid`);
    }
    checkOperand(operator, path, operand);
    return { operator, path, parts, operand, apply };
  });
}

function requireNoConflicts(changes: readonly Change[]): void {
  const paths = changes.map(({ path }) => path).sort();
  for (const [at, path] of paths.entries()) {
    for (const other of paths.slice(at + 1)) {
      if (!other.startsWith(path)) break;
      if (!pathsOverlap(path, other)) continue;
      throw new StoreError(
        "ConflictingUpdateOperators",
        `Updating the path '${other}' would create a conflict at '${path}'`,
      );
    }
  }
}

function compileArrayFilters(filters: unknown): Map<string, Matcher> {
  const compiled = new Map<string, Matcher>();
  if (filters === undefined) return compiled;
  if (!Array.isArray(filters)) throw new StoreError("TypeMismatch", "arrayFilters must be an array");
  for (const filter of filters) {
    if (!isDocument(filter)) throw new StoreError("TypeMismatch", "an array filter must be a document");
    const matcher = compileMatcher(filter);
    const [name, ...others] = matcher.roots ?? [];
    if (name === undefined || others.length > 0 || compiled.has(name)) {
      throw new StoreError("FailedToParse", "each array filter needs one identifier of its own");
    }
    compiled.set(name, matcher);
  }
  return compiled;
}

function requireFiltersUsed(changes: readonly Change[], filters: ReadonlyMap<string, Matcher>): void {
  const used = new Set(
    changes.flatMap(({ parts }) => parts.filter((part) => part.startsWith("$[")).map(identifier)),
  );
  used.delete("");
  for (const name of used) {
    if (!filters.has(name))
      throw new StoreError("BadValue", `No array filter found for identifier '${name}'`);
  }
  for (const name of filters.keys()) {
    if (!used.has(name))
      throw new StoreError("FailedToParse", `The array filter for identifier '${name}' was not used`);
  }
}

const identifier = (part: string): string => part.slice(2, -1);

/** The document after the update. `before` is not changed; `_id` may not be either. */
export function applyUpdate(
  update: Update,
  before: Document,
  matcher: Matcher,
  inserting: boolean,
): Document {
  if (update.replacement !== null) return replaced(before, update.replacement);
  const after = structuredCopy(before) as Document;
  for (const change of update.changes) {
    if (change.operator === "$setOnInsert" && !inserting) continue;
    for (const parts of pathsOf(change, after, { matcher, update, before }))
      change.apply(after, parts, change.operand);
  }
  requireSameId(before, after);
  return after;
}

function pathsOf(
  change: Change,
  root: Document,
  context: { matcher: Matcher; update: Update; before: Document },
): readonly (readonly string[])[] {
  if (!change.path.includes("$")) return [change.parts];
  return expandPath(root, change.parts, (part, elements, before) => {
    if (part === "$") return [positionOf(context.matcher.condition, context.before, before)];
    if (part === "$[]") return [...elements.keys()];
    const name = identifier(part);
    const filter = context.update.elementFilters.get(name);
    if (filter === undefined) throw notImplemented(`the path element ${part}`);
    return [...elements.keys()].filter((index) => filter.test({ [name]: elements[index] }));
  });
}

function replaced(before: Document, replacement: Document): Document {
  const { _id, ...fields } = replacement;
  const id: unknown = before["_id"] ?? _id;
  if (id === undefined) return { ...replacement };
  const after = { _id: id, ...fields };
  if (_id !== undefined) requireSameId({ _id: id }, { _id: _id as unknown });
  return after;
}

function requireSameId(before: Document, after: Document): void {
  const id: unknown = before["_id"];
  if (id === undefined) return;
  const now: unknown = after["_id"];
  if (now === id || (now !== undefined && encodeKey(now).equals(encodeKey(id)))) return;
  throw new StoreError(
    "ImmutableField",
    "Performing an update on the path '_id' would modify the immutable field '_id'",
  );
}

/** Containers are copied, scalars are shared: nothing changes a scalar in place. */
function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (!isDocument(value)) return value;
  const copy: Document = {};
  for (const [name, field] of Object.entries(value)) setField(copy, name, structuredCopy(field));
  return copy;
}

/** What an upsert inserts before the update is applied: the fields its filter asks to be equal. */
export function upsertSeed(matcher: Matcher): Document {
  const seed: Document = {};
  for (const condition of conjuncts(matcher.condition)) {
    if (condition.kind !== "field" || condition.operator !== "$eq") continue;
    const target = locate(seed, condition.path.split("."), true);
    if (target?.exists === true)
      throw new StoreError(
        "BadValue",
        `cannot infer query fields to set, path '${condition.path}' is matched twice`,
      );
    if (target !== null) write(target, structuredCopy(condition.operand));
  }
  return seed;
}
