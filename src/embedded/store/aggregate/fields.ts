import { isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { asDouble, isNumber } from "../numbers.ts";
import { MISSING, ownField, setField } from "../paths.ts";
import { compileProjection, exclude, include, projectionTree } from "../project.ts";
import { compileExpression } from "./expression.ts";
import type { Expression } from "./expression.ts";

export type Transform = (document: Document) => Document;

/** `$project`: inclusion with computed fields, or exclusion. */
export function compileProject(spec: unknown): Transform {
  if (!isDocument(spec) || Object.keys(spec).length === 0) {
    throw new StoreError("BadValue", "$project specification must have at least one field");
  }
  const entries = flatten(spec);
  const flags = entries.filter(([, value]) => isFlag(value));
  const computed = entries
    .filter(([, value]) => !isFlag(value))
    .map(([path, value]): [string, Expression] => [path, compileExpression(value)]);
  if (computed.length === 0) return compileProjection(Object.fromEntries(flags)) ?? ((document) => document);
  const idFlag = flags.find(([path]) => path === "_id");
  const others = flags.filter(([path]) => path !== "_id");
  if (others.some(([, value]) => !isOn(value)))
    throw new StoreError("BadValue", "a projection cannot mix exclusion and computed fields");
  const dropId = (idFlag !== undefined && !isOn(idFlag[1])) || computed.some(([path]) => path === "_id");
  const tree = projectionTree([...(dropId ? [] : ["_id"]), ...others.map(([path]) => path)]);
  return (document) => {
    const result = include(document, tree);
    for (const [path, value] of computed)
      setPath(result, path.split("."), value({ root: document, variables: {} }));
    return result;
  };
}

/** `$set` / `$addFields`. */
export function compileSet(spec: unknown): Transform {
  if (!isDocument(spec)) throw new StoreError("BadValue", "$set needs an object");
  const computed = flatten(spec).map(([path, value]): [string, Expression] => [
    path,
    compileExpression(value),
  ]);
  return (document) => {
    const result = { ...document };
    const values = computed.map(([, value]) => value({ root: document, variables: {} }));
    for (const [at, [path]] of computed.entries()) setPath(result, path.split("."), values[at]);
    return result;
  };
}

/** `$unset`: one path or a list. */
export function compileUnset(spec: unknown): Transform {
  const paths: unknown[] = Array.isArray(spec) ? spec : [spec];
  if (!paths.every((path) => typeof path === "string"))
    throw new StoreError("BadValue", "$unset needs field names");
  const tree = projectionTree(paths);
  return (document) => exclude(document, tree);
}

export function compileReplaceRoot(expression: unknown): Transform {
  const evaluate = compileExpression(expression);
  return (document) => {
    const value = evaluate({ root: document, variables: {} });
    if (!isDocument(value))
      throw new StoreError("BadValue", "'newRoot' expression must evaluate to an object");
    return value;
  };
}

/** Opens nested documents into dotted paths, down to flags and expressions. */
function flatten(spec: Document, prefix = ""): [string, unknown][] {
  return Object.entries(spec).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    if (name.startsWith("$")) throw notImplemented(`${name} in a projection`);
    const nested =
      isDocument(value) &&
      Object.keys(value).length > 0 &&
      !Object.keys(value).some((key) => key.startsWith("$"));
    return nested ? flatten(value, `${prefix}${name}.`) : [[prefix + name, value]];
  });
}

const isFlag = (value: unknown): boolean => typeof value === "boolean" || isNumber(value);

const isOn = (value: unknown): boolean => value === true || (isNumber(value) && asDouble(value) !== 0);

/** Sets a path in a copy of what is on the way; a MISSING value removes the field. */
function setPath(document: Document, parts: readonly string[], value: unknown): void {
  const [name = "", ...rest] = parts;
  if (rest.length === 0) {
    if (value === MISSING) delete document[name];
    else setField(document, name, value);
    return;
  }
  const current = ownField(document, name);
  if (Array.isArray(current)) throw notImplemented("setting a computed field inside an array");
  const child: Document = isDocument(current) ? { ...current } : {};
  setPath(child, rest, value);
  setField(document, name, child);
}
