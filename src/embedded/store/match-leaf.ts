import { typeByte, encodeKey, keyString } from "./keys.ts";
import { typeOf } from "./bson-codec.ts";
import type { BsonType } from "./bson-codec.ts";
import { StoreError, notImplemented } from "./errors.ts";
import { asDouble, asInteger, isNumber, toSafeInteger } from "./numbers.ts";
import type { BsonNumber } from "./numbers.ts";
import { isRegex, toRegExp } from "./regex.ts";

/** A test of one value. `wholeOnly` ones look at an array as such, never at its elements. */
export interface LeafPredicate {
  test: (value: unknown) => boolean;
  wholeOnly: boolean;
}

const elementWise = (test: (value: unknown) => boolean): LeafPredicate => ({ test, wholeOnly: false });

export function leafPredicate(operator: string, operand: unknown): LeafPredicate {
  switch (operator) {
    case "$eq":
      return elementWise(equals(operand));
    case "$in":
      return elementWise(isIn(operand));
    case "$gt":
    case "$gte":
    case "$lt":
    case "$lte":
      return elementWise(ordered(operator, operand));
    case "$size":
      return { test: hasSize(operand), wholeOnly: true };
    case "$type":
      return elementWise(hasType(operand));
    case "$mod":
      return elementWise(hasRemainder(operand));
    default:
      throw notImplemented(`query operator ${operator}`);
  }
}

export function regexPredicate(pattern: unknown, options: unknown): LeafPredicate {
  const regex = toRegExp(pattern, options);
  return elementWise((value) => typeof value === "string" && regex.test(value));
}

/** Equality as in a query: null equals a missing field, 1 equals 1.0, field order counts. */
function equals(operand: unknown): (value: unknown) => boolean {
  if (operand === null || operand === undefined) return (value) => value === null || value === undefined;
  if (typeof operand === "string" || typeof operand === "boolean") return (value) => value === operand;
  const key = encodeKey(operand);
  const type = key[0];
  return (value) => value !== undefined && typeByte(value) === type && encodeKey(value).equals(key);
}

function isIn(operand: unknown): (value: unknown) => boolean {
  if (!Array.isArray(operand)) throw new StoreError("BadValue", "$in needs an array");
  const regexes = operand.filter(isRegex).map((pattern) => toRegExp(pattern, undefined));
  const plain: unknown[] = operand.filter((value) => !isRegex(value));
  const strings = new Set(plain.filter((value) => typeof value === "string"));
  const keys = new Set(
    plain.filter((value) => typeof value !== "string").map((value) => keyString(value ?? null)),
  );
  return (value) => {
    if (typeof value === "string") return strings.has(value) || regexes.some((regex) => regex.test(value));
    return keys.size > 0 && keys.has(keyString(value ?? null));
  };
}

const ACCEPTS: Record<string, (order: number) => boolean> = {
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
};

/** Compares within one type only, as MongoDB does, except against MinKey and MaxKey. */
function ordered(operator: string, operand: unknown): (value: unknown) => boolean {
  const accepts = ACCEPTS[operator] ?? (() => false);
  if (operand === null || operand === undefined) {
    return (value) => (value === null || value === undefined) && accepts(0);
  }
  if (isNumber(operand)) return orderedNumber(accepts, operand);
  const key = encodeKey(operand);
  const type = typeOf(operand);
  const anyType = type === "minKey" || type === "maxKey";
  return (value) => {
    if (value === undefined) return false;
    if (!anyType && typeByte(value) !== key[0]) return false;
    return accepts(Buffer.compare(encodeKey(value), key));
  };
}

function orderedNumber(
  accepts: (order: number) => boolean,
  operand: BsonNumber,
): (value: unknown) => boolean {
  const double = asDouble(operand);
  const key = encodeKey(operand);
  const small = Number.isSafeInteger(double);
  return (value) => {
    if (!isNumber(value)) return false;
    const other = asDouble(value);
    if (Number.isNaN(other) || Number.isNaN(double))
      return Number.isNaN(other) && Number.isNaN(double) && accepts(0);
    if (small || Number.isSafeInteger(other)) return accepts(other - double);
    return accepts(Buffer.compare(encodeKey(value), key));
  };
}

function hasSize(operand: unknown): (value: unknown) => boolean {
  const size = toSafeInteger(operand, "$size");
  if (size < 0) throw new StoreError("BadValue", "$size may not be negative");
  return (value) => Array.isArray(value) && value.length === size;
}

const TYPE_CODES: Record<number, BsonType> = {
  1: "double",
  2: "string",
  3: "object",
  4: "array",
  5: "binData",
  6: "undefined",
  7: "objectId",
  8: "bool",
  9: "date",
  10: "null",
  11: "regex",
  13: "javascript",
  14: "symbol",
  16: "int",
  17: "timestamp",
  18: "long",
  19: "decimal",
  127: "maxKey",
  [-1]: "minKey",
};

/** `$type` by name, number or a list of them. Also tests elements of an array. */
function hasType(operand: unknown): (value: unknown) => boolean {
  const wanted = new Set<string>((Array.isArray(operand) ? operand : [operand]).flatMap(typeNames));
  return (value) => value !== undefined && wanted.has(typeOf(value));
}

function typeNames(name: unknown): string[] {
  if (name === "number") return ["int", "long", "double", "decimal"];
  const known = Object.values(TYPE_CODES);
  const type =
    typeof name === "string"
      ? known.find((known) => known === name)
      : isNumber(name) && TYPE_CODES[asDouble(name)];
  if (!type) throw new StoreError("BadValue", `Unknown type name alias: ${String(name)}`);
  return [type];
}

function hasRemainder(operand: unknown): (value: unknown) => boolean {
  if (!Array.isArray(operand) || operand.length !== 2) {
    throw new StoreError("BadValue", "malformed mod, needs a divisor and a remainder");
  }
  const divisor = BigInt(toSafeInteger(operand[0], "divisor"));
  const remainder = BigInt(toSafeInteger(operand[1], "remainder"));
  if (divisor === 0n) throw new StoreError("BadValue", "divisor cannot be 0");
  return (value) => {
    if (!isNumber(value)) return false;
    const double = asDouble(value);
    const integer = asInteger(value) ?? (Number.isFinite(double) ? BigInt(Math.trunc(double)) : null);
    return integer !== null && integer % divisor === remainder;
  };
}
