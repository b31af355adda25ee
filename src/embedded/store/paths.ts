import type { Document } from "./bson-codec.ts";
import { isDocument } from "./bson-codec.ts";

/** What stands at a path that a document does not have. */
export const MISSING = undefined;

const INDEX = /^(?:0|[1-9]\d{0,8})$/;

export function isArrayIndex(part: string): boolean {
  return INDEX.test(part);
}

/** The value of a document's own field, never of its prototype. */
export function ownField(document: Document, name: string): unknown {
  return Object.hasOwn(document, name) ? (document[name] as unknown) : MISSING;
}

/** Sets a field; a name such as `__proto__` becomes an own field like any other. */
export function setField(document: Document, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(document, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    document[name] = value;
  }
}

/**
 * Visits the values a query path reaches: arrays on the way are entered, by index or element by
 * element. Stops and returns true as soon as the visitor does. The visitor sees MISSING for a branch
 * that lacks the field; an array on the way whose elements are no documents has no branches.
 */
export function someValue(
  root: unknown,
  parts: readonly string[],
  visit: (value: unknown) => boolean,
  at = 0,
): boolean {
  const part = parts[at];
  if (part === undefined) return visit(root);
  if (Array.isArray(root)) {
    if (isArrayIndex(part) && Number(part) < root.length) {
      if (someValue(root[Number(part)], parts, visit, at + 1)) return true;
    }
    return root.some((element) => isDocument(element) && someValue(element, parts, visit, at));
  }
  if (!isDocument(root)) return visit(MISSING);
  const value = ownField(root, part);
  if (value === MISSING) return visit(MISSING);
  return someValue(value, parts, visit, at + 1);
}

/** Whether one of two dotted paths is the other or leads to it. */
export function pathsOverlap(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);
}
