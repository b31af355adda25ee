import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { asDouble, isNumber } from "./numbers.ts";
import { setField } from "./paths.ts";

interface ProjectionTree {
  /** Included or excluded field, or the tree below it. */
  readonly children: ReadonlyMap<string, ProjectionTree | true>;
}

/** Compiles the projection of find: inclusion or exclusion. Null when there is nothing to do. */
export function compileProjection(spec: unknown): ((document: Document) => Document) | null {
  if (spec === undefined || spec === null) return null;
  if (!isDocument(spec)) throw new StoreError("TypeMismatch", "projection must be a document");
  const flags = Object.entries(spec).map(([path, value]): [string, boolean] => [path, flagOf(path, value)]);
  if (flags.length === 0) return null;
  const fields = flags.filter(([path]) => path !== "_id");
  const idFlag = flags.find(([path]) => path === "_id")?.[1];
  const including = fields[0]?.[1] ?? idFlag ?? false;
  if (fields.some(([, flag]) => flag !== including)) {
    throw new StoreError("BadValue", "a projection cannot mix inclusion and exclusion");
  }
  const paths = fields.map(([path]) => path);
  if (including) {
    const tree = projectionTree(idFlag === false ? paths : ["_id", ...paths]);
    return (document) => include(document, tree);
  }
  const tree = projectionTree(idFlag === false ? ["_id", ...paths] : paths);
  return (document) => exclude(document, tree);
}

function flagOf(path: string, value: unknown): boolean {
  if (path.split(".").some((part) => part.startsWith("$") || part === "")) {
    throw notImplemented(`projection of the path ${path}`);
  }
  if (typeof value === "boolean") return value;
  if (isNumber(value)) return asDouble(value) !== 0;
  const what = isDocument(value) ? Object.keys(value).join() : `by ${typeof value}`;
  throw notImplemented(`projection ${what} of ${path}`);
}

/** Builds the tree of dotted paths; a path inside another one is refused as MongoDB refuses it. */
export function projectionTree(paths: readonly string[]): ProjectionTree {
  const root = new Map<string, ProjectionTree | true>();
  for (const path of paths) {
    let node = root;
    const parts = path.split(".");
    for (const [depth, part] of parts.entries()) {
      const known = node.get(part);
      const last = depth === parts.length - 1;
      if (known === true || (known !== undefined && last)) {
        throw new StoreError("BadValue", `path collision at ${path}`);
      }
      if (last) {
        node.set(part, true);
        break;
      }
      const child = (known?.children ?? new Map()) as Map<string, ProjectionTree | true>;
      node.set(part, { children: child });
      node = child;
    }
  }
  return { children: root };
}

/** Keeps the named fields, in the order the document has them. */
export function include(document: Document, tree: ProjectionTree): Document {
  const result: Document = {};
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    const child = tree.children.get(name);
    if (child === true) setField(result, name, value);
    else if (child !== undefined) {
      const inner = below(value, (nested) => include(nested, child), true);
      if (inner !== undefined) setField(result, name, inner);
    }
  }
  return result;
}

/** Keeps everything but the named fields. */
export function exclude(document: Document, tree: ProjectionTree): Document {
  const result: Document = {};
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    const child = tree.children.get(name);
    if (child === true) continue;
    const kept = child === undefined ? value : below(value, (nested) => exclude(nested, child), false);
    setField(result, name, kept);
  }
  return result;
}

/** Applies to a document or to each document of an array; an inclusion drops other values. */
function below(value: unknown, apply: (document: Document) => Document, dropScalars: boolean): unknown {
  if (Array.isArray(value)) {
    const kept = value.map((element: unknown) => below(element, apply, dropScalars));
    return kept.filter((element) => element !== undefined);
  }
  if (isDocument(value)) return apply(value);
  return dropScalars ? undefined : value;
}
