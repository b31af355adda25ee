import { isDocument } from "./bson-codec.ts";
import { encodeKey, orderedKeys, typeByte } from "./keys.ts";
import { asDouble, isNumber } from "./numbers.ts";
import { isRegex } from "./regex.ts";
import { conjuncts } from "./match.ts";
import type { Condition } from "./match.ts";

export type FieldCondition = Extract<Condition, { kind: "field" }>;

/** An end of a range: `included` tells whether keys that start with this one are inside. */
export interface End {
  readonly key: Buffer;
  readonly included: boolean;
}

/** Where the values of one path lie, as encoded keys: at points, or between two ends. */
export type Bounds =
  | {
      kind: "points";
      values: readonly unknown[];
      keys: readonly Buffer[];
      conditions: readonly FieldCondition[];
    }
  | { kind: "range"; lower: End; upper: End; conditions: readonly FieldCondition[] };

const NUMBER_TYPE = typeByte(0);
const SMALLEST_NUMBER = encodeKey(Number.NEGATIVE_INFINITY);

const NULL_KEY = encodeKey(null);

/**
 * Whether nothing that lacks the field can match. What lacks it is found by null, as a value or inside the range
 * that stands for several branches of an $or.
 */
export function excludesMissing(bounds: Bounds): boolean {
  return bounds.kind === "points"
    ? bounds.values.every((value) => value !== null && value !== undefined)
    : Buffer.compare(bounds.lower.key, NULL_KEY) > 0;
}

/**
 * Bounds per path from the conditions that must hold. With an array in the field two conditions may be
 * met by two elements, so for paths that may hold arrays only one condition may be used (`single`).
 */
export function boundsByPath(conditions: readonly Condition[], single: boolean): Map<string, Bounds> {
  const found = new Map<string, Bounds>();
  for (const condition of conditions) {
    for (const [path, bounds] of conditionBounds(condition)) {
      const known = found.get(path);
      if (known === undefined) found.set(path, bounds);
      else if (known.kind === "points") continue;
      else if (bounds.kind === "points") found.set(path, bounds);
      else if (!single) found.set(path, intersect(known, bounds));
    }
  }
  return found;
}

function conditionBounds(condition: Condition): [string, Bounds][] {
  if (condition.kind === "field") {
    const bounds = fieldBounds(condition);
    return bounds === null ? [] : [[condition.path, bounds]];
  }
  return condition.kind === "or" ? disjunctionBounds(condition.conditions) : [];
}

function fieldBounds(condition: FieldCondition): Bounds | null {
  const { operator, operand } = condition;
  const conditions = [condition];
  switch (operator) {
    case "$eq":
      if (!isPlannable(operand)) return null;
      return { kind: "points", values: [operand], keys: [encodeKey(operand ?? null)], conditions };
    case "$in": {
      const values = operand as unknown[];
      if (!values.every(isPlannable)) return null;
      const keys = orderedKeys(values.map((value) => encodeKey(value ?? null)));
      return { kind: "points", values, keys, conditions };
    }
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte":
      return rangeBounds(operator, operand, conditions);
    default:
      return null;
  }
}

function rangeBounds(operator: string, operand: unknown, conditions: FieldCondition[]): Bounds | null {
  const type = operand === null || operand === undefined ? null : typeByte(operand);
  if (type === null || !isPlannable(operand) || (isNumber(operand) && Number.isNaN(asDouble(operand))))
    return null;
  // Comparison stays within a type; NaN sorts before all numbers and compares with none.
  const lowest: End =
    type === NUMBER_TYPE
      ? { key: SMALLEST_NUMBER, included: true }
      : { key: Buffer.of(type), included: true };
  const highest: End = { key: Buffer.of(type), included: true };
  const end: End = { key: encodeKey(operand), included: operator.endsWith("e") };
  return operator.startsWith("$g")
    ? { kind: "range", lower: end, upper: highest, conditions }
    : { kind: "range", lower: lowest, upper: end, conditions };
}

/** Arrays, documents with arrays inside an index, and the two ends of everything are left to the matcher. */
function isPlannable(value: unknown): boolean {
  if (Array.isArray(value) || isRegex(value)) return false;
  return isDocument(value) || ![0x0a, 0x8c, 0x0f].includes(typeByte(value ?? null));
}

/** Every branch of an $or that bounds a path bounds the whole: from its lowest to its highest value. */
function disjunctionBounds(branches: readonly Condition[]): [string, Bounds][] {
  const maps = branches.map((branch) => boundsByPath(conjuncts(branch), true));
  const [first, ...others] = maps;
  if (first === undefined) return [];
  const hulls: [string, Bounds][] = [];
  for (const [path, bounds] of first) {
    const points = unitePoints([bounds, ...others.map((map) => map.get(path))]);
    if (points !== null) {
      hulls.push([path, points]);
      continue;
    }
    let hull = asRange(bounds);
    for (const map of others) {
      const other = map.get(path);
      const range = other === undefined ? null : asRange(other);
      hull = hull === null || range === null ? null : union(hull, range);
    }
    if (hull !== null) hulls.push([path, hull]);
  }
  return hulls;
}

function unitePoints(all: readonly (Bounds | undefined)[]): Bounds | null {
  const keys: Buffer[] = [];
  const values: unknown[] = [];
  for (const bounds of all) {
    if (bounds?.kind !== "points") return null;
    for (const value of bounds.values) values.push(value);
    for (const key of bounds.keys) keys.push(key);
  }
  return { kind: "points", values, keys: orderedKeys(keys), conditions: [] };
}

type Range = Extract<Bounds, { kind: "range" }>;

/** As a range; it is wider than the conditions, so it vouches for none of them. */
function asRange(bounds: Bounds): Range | null {
  if (bounds.kind === "range") return { ...bounds, conditions: [] };
  const first = bounds.keys[0];
  const last = bounds.keys.at(-1);
  if (first === undefined || last === undefined) return null;
  return {
    kind: "range",
    lower: { key: first, included: true },
    upper: { key: last, included: true },
    conditions: [],
  };
}

function union(a: Range, b: Range): Range {
  const lower = compareLower(a.lower, b.lower) <= 0 ? a.lower : b.lower;
  const upper = compareUpper(a.upper, b.upper) >= 0 ? a.upper : b.upper;
  return { kind: "range", lower, upper, conditions: [] };
}

function intersect(a: Range, b: Range): Range {
  const lower = compareLower(a.lower, b.lower) >= 0 ? a.lower : b.lower;
  const upper = compareUpper(a.upper, b.upper) <= 0 ? a.upper : b.upper;
  return { kind: "range", lower, upper, conditions: [...a.conditions, ...b.conditions] };
}

function compareLower(a: End, b: End): number {
  return Buffer.compare(a.key, b.key) || Number(b.included) - Number(a.included);
}

/** A bare type byte as an upper end stands for all values of the type, so it is beyond each of them. */
function compareUpper(a: End, b: End): number {
  const wholeA = a.key.length === 1;
  const wholeB = b.key.length === 1;
  if (wholeA !== wholeB && a.key[0] === b.key[0]) return wholeA ? 1 : -1;
  return Buffer.compare(a.key, b.key) || Number(a.included) - Number(b.included);
}
