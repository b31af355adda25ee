import { Double, Int32, Long, ObjectId } from "bson";
import { isDocument, typeOf } from "../bson-codec.ts";
import { StoreError } from "../errors.ts";
import { compareValues } from "../keys.ts";
import { arithmetic, asDouble, asInteger, fromInteger, isLong, isNumber, toSafeInteger } from "../numbers.ts";
import type { BsonNumber } from "../numbers.ts";
import { addUp, average, extreme } from "./numeric.ts";
import { truthy } from "./values.ts";
import { dateToString } from "./dates.ts";

type Operator = (values: readonly unknown[]) => unknown;

const isNullish = (value: unknown): value is null | undefined => value === null || value === undefined;

/** Operators whose operands are all evaluated first. */
export const OPERATORS: Record<string, Operator> = {
  $add: (values) => reduceNumbers("add", values),
  $multiply: (values) => reduceNumbers("multiply", values),
  $subtract: subtract,
  $divide: divide,
  $mod: modulo,
  $abs: ([value]) => oneNumber("$abs", value, (n) => (n < 0n ? -n : n), Math.abs),
  $ceil: ([value]) => oneNumber("$ceil", value, (n) => n, Math.ceil),
  $floor: ([value]) => oneNumber("$floor", value, (n) => n, Math.floor),
  $eq: ([a, b]) => compare(a, b) === 0,
  $ne: ([a, b]) => compare(a, b) !== 0,
  $gt: ([a, b]) => compare(a, b) > 0,
  $gte: ([a, b]) => compare(a, b) >= 0,
  $lt: ([a, b]) => compare(a, b) < 0,
  $lte: ([a, b]) => compare(a, b) <= 0,
  $cmp: ([a, b]) => new Int32(compare(a, b)),
  $not: ([value]) => !truthy(value),
  $sum: (values) => addUp(flat(values)),
  $avg: (values) => average(flat(values)),
  $min: (values) => extreme(flat(values), -1),
  $max: (values) => extreme(flat(values), 1),
  $concat: concat,
  $toLower: ([value]) => text("$toLower", value).toLowerCase(),
  $toUpper: ([value]) => text("$toUpper", value).toUpperCase(),
  $toString: ([value]) => toText(value),
  $toLong: ([value]) => (isNullish(value) ? null : fromInteger(toInteger("$toLong", value), true)),
  $toDouble: ([value]) => toDouble(value),
  $type: ([value]) => (value === undefined ? "missing" : typeOf(value)),
  $size: ([value]) => new Int32(array("$size", value).length),
  $isArray: ([value]) => Array.isArray(value),
  $in: ([value, list]) => array("$in", list).some((element) => compare(element, value) === 0),
  $arrayElemAt: elementAt,
  $first: ([list]) => (isNullish(list) ? null : array("$first", list)[0]),
  $last: ([list]) => (isNullish(list) ? null : array("$last", list).at(-1)),
  $concatArrays: (lists) =>
    lists.some(isNullish) ? null : lists.flatMap((list) => array("$concatArrays", list)),
  $mergeObjects: (values) => mergeObjects(values),
  $dateToString: ([value]) => dateToString(value),
};

/** In expressions values of different types have an order, and missing comes before null. */
function compare(a: unknown, b: unknown): number {
  return compareValues(a, b);
}

function flat(values: readonly unknown[]): readonly unknown[] {
  const [only] = values;
  return values.length === 1 && Array.isArray(only) ? only : values;
}

function number(operator: string, value: unknown): BsonNumber {
  if (isNumber(value)) return value;
  throw new StoreError("TypeMismatch", `${operator} only supports numeric types, not ${typeOf(value)}`);
}

function reduceNumbers(operation: "add" | "multiply", values: readonly unknown[]): unknown {
  if (values.some(isNullish)) return null;
  const date = operation === "add" ? values.find((value) => value instanceof Date) : undefined;
  if (date !== undefined) {
    const rest = values.filter((value) => value !== date).map((value) => asDouble(number("$add", value)));
    return new Date(rest.reduce((sum, value) => sum + value, date.getTime()));
  }
  const start: BsonNumber = new Int32(operation === "add" ? 0 : 1);
  return values.reduce<BsonNumber>(
    (result, value) => arithmetic(operation, result, number(`$${operation}`, value)),
    start,
  );
}

function subtract([a, b]: readonly unknown[]): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  if (a instanceof Date && b instanceof Date) return Long.fromNumber(a.getTime() - b.getTime());
  if (a instanceof Date) return new Date(a.getTime() - asDouble(number("$subtract", b)));
  return arithmetic("subtract", number("$subtract", a), number("$subtract", b));
}

function divide([a, b]: readonly unknown[]): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  const divisor = asDouble(number("$divide", b));
  if (divisor === 0) throw new StoreError("BadValue", "can't $divide by zero");
  return new Double(asDouble(number("$divide", a)) / divisor);
}

function modulo([a, b]: readonly unknown[]): unknown {
  if (isNullish(a) || isNullish(b)) return null;
  const left = number("$mod", a);
  const right = number("$mod", b);
  if (asDouble(right) === 0) throw new StoreError("BadValue", "can't $mod by zero");
  const x = asInteger(left);
  const y = asInteger(right);
  if (x !== null && y !== null) return fromInteger(x % y, isLong(left) || isLong(right));
  return new Double(asDouble(left) % asDouble(right));
}

function oneNumber(
  operator: string,
  value: unknown,
  exact: (n: bigint) => bigint,
  inexact: (n: number) => number,
): unknown {
  if (isNullish(value)) return null;
  const n = number(operator, value);
  const integer = asInteger(n);
  return integer === null ? new Double(inexact(asDouble(n))) : fromInteger(exact(integer), isLong(n));
}

function concat(values: readonly unknown[]): string | null {
  return values.some(isNullish) ? null : values.map((value) => text("$concat", value)).join("");
}

function text(operator: string, value: unknown): string {
  if (isNullish(value)) return "";
  if (typeof value === "string") return value;
  throw new StoreError("TypeMismatch", `${operator} only supports strings, not ${typeOf(value)}`);
}

function toText(value: unknown): string | null {
  if (isNullish(value)) return null;
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ObjectId) return value.toHexString();
  const n = number("$toString", value);
  return String(asInteger(n) ?? asDouble(n));
}

function toInteger(operator: string, value: unknown): bigint {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (value instanceof Date) return BigInt(value.getTime());
  if (typeof value === "string" && /^[+-]?\d+$/.test(value)) return BigInt(value);
  const n = number(operator, value);
  const integer = asInteger(n);
  if (integer !== null) return integer;
  const double = Math.trunc(asDouble(n));
  if (Number.isFinite(double)) return BigInt(double);
  throw new StoreError("BadValue", `Attempt to convert ${double} to integer in ${operator}`);
}

function toDouble(value: unknown): unknown {
  if (isNullish(value)) return null;
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value)))
    return new Double(Number(value));
  return new Double(value instanceof Date ? value.getTime() : asDouble(number("$toDouble", value)));
}

function array(operator: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new StoreError("BadValue", `${operator} needs an array, not ${typeOf(value)}`);
}

function elementAt([list, index]: readonly unknown[]): unknown {
  if (isNullish(list) || isNullish(index)) return null;
  return array("$arrayElemAt", list).at(toSafeInteger(index, "the index of $arrayElemAt"));
}

function mergeObjects(values: readonly unknown[]): unknown {
  const documents = flat(values).filter((value) => !isNullish(value));
  if (!documents.every(isDocument)) throw new StoreError("TypeMismatch", "$mergeObjects needs objects");
  return Object.assign({}, ...documents) as unknown;
}
