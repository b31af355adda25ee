import { isDocument } from "./bson-codec.ts";
import type { Document } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { compareValues, keyString } from "./keys.ts";
import { compileMatcher, isOperatorDocument } from "./match.ts";
import { asDouble, isNumber, toSafeInteger } from "./numbers.ts";
import { parseSort, sortKey } from "./sort.ts";
import { isRegex } from "./regex.ts";
import { locate, readTarget, write } from "./update-path.ts";

const PUSH_MODIFIERS = new Set(["$each", "$slice", "$sort", "$position"]);

/** `$push`, with `$each`, `$position`, `$sort` and `$slice`, applied in that order. */
export function push(root: Document, parts: readonly string[], operand: unknown): void {
  const { values, modifiers } = readEach(operand, PUSH_MODIFIERS, "$push");
  const elements = [...arrayAt(root, parts, "$push")];
  const position: unknown = modifiers["$position"];
  const at = position === undefined ? elements.length : toSafeInteger(position, "$position");
  elements.splice(at, 0, ...values);
  sortElements(elements, modifiers["$sort"]);
  const slice: unknown = modifiers["$slice"];
  const kept = slice === undefined ? elements : sliceElements(elements, toSafeInteger(slice, "$slice"));
  put(root, parts, kept);
}

export function addToSet(root: Document, parts: readonly string[], operand: unknown): void {
  const { values } = readEach(operand, new Set(["$each"]), "$addToSet");
  const elements = [...arrayAt(root, parts, "$addToSet")];
  const known = new Set(elements.map(keyString));
  for (const value of values) {
    const key = keyString(value);
    if (known.has(key)) continue;
    known.add(key);
    elements.push(value);
  }
  put(root, parts, elements);
}

/** `$pull` by value, by a condition on the element, or by a filter on elements that are documents. */
export function pull(root: Document, parts: readonly string[], operand: unknown): void {
  const target = locate(root, parts, false);
  if (target === null || !target.exists) return;
  const elements = readTarget(target);
  if (!Array.isArray(elements)) throw new StoreError("BadValue", "Cannot apply $pull to a non-array value");
  const matches = pullCondition(operand);
  write(
    target,
    elements.filter((element) => !matches(element)),
  );
}

function pullCondition(operand: unknown): (element: unknown) => boolean {
  if (isDocument(operand) && !isOperatorDocument(operand)) {
    const matcher = compileMatcher(operand);
    return (element) => isDocument(element) && matcher.test(element);
  }
  if (isRegex(operand) || isOperatorDocument(operand)) {
    const matcher = compileMatcher({ e: operand });
    return (element) => matcher.test({ e: element });
  }
  return (element) => compareValues(element, operand) === 0;
}

function readEach(
  operand: unknown,
  allowed: ReadonlySet<string>,
  operator: string,
): { values: unknown[]; modifiers: Document } {
  if (!isDocument(operand) || !("$each" in operand)) return { values: [operand], modifiers: {} };
  for (const name of Object.keys(operand)) {
    if (!allowed.has(name)) throw notImplemented(`${operator} modifier ${name}`);
  }
  const values: unknown = operand["$each"];
  if (!Array.isArray(values))
    throw new StoreError("BadValue", `The argument to $each in ${operator} must be an array`);
  return { values, modifiers: operand };
}

function arrayAt(root: Document, parts: readonly string[], operator: string): unknown[] {
  const target = locate(root, parts, true);
  if (target === null || !target.exists) return [];
  const value = readTarget(target);
  if (Array.isArray(value)) return value;
  throw new StoreError("BadValue", `The field '${parts.join(".")}' must be an array to apply ${operator}`);
}

function put(root: Document, parts: readonly string[], elements: unknown[]): void {
  const target = locate(root, parts, true);
  if (target !== null) write(target, elements);
}

function sortElements(elements: unknown[], by: unknown): void {
  if (by === undefined) return;
  if (isNumber(by)) {
    const direction = asDouble(by);
    if (direction !== 1 && direction !== -1)
      throw new StoreError("BadValue", "$sort must be 1, -1 or a document");
    elements.sort((a, b) => compareValues(a, b) * direction);
    return;
  }
  const sort = parseSort(by);
  const keys = new Map(
    elements.map((element) => [element, sortKey(isDocument(element) ? element : {}, sort)]),
  );
  const keyOf = (element: unknown): Buffer => keys.get(element) ?? Buffer.alloc(0);
  elements.sort((a, b) => Buffer.compare(keyOf(a), keyOf(b)));
}

function sliceElements(elements: unknown[], count: number): unknown[] {
  if (count === 0) return [];
  return count > 0 ? elements.slice(0, count) : elements.slice(count);
}
