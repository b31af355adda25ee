import { Decimal128, Double, Int32, Long } from "bson";
import { StoreError, notImplemented } from "./errors.ts";

export type BsonNumber = Int32 | Long | Double | number | bigint;

const INT32_MAX = 2n ** 31n - 1n;
const INT64_MAX = 2n ** 63n - 1n;

/** Whether the value is a number. Decimal128 is refused: its arithmetic would have to be exact and is not here. */
export function isNumber(value: unknown): value is BsonNumber {
  if (value instanceof Decimal128) throw notImplemented("Decimal128");
  return (
    typeof value === "number" ||
    typeof value === "bigint" ||
    value instanceof Int32 ||
    value instanceof Double ||
    (value instanceof Long && value._bsontype === "Long")
  );
}

/** The exact integer of an Int32 or Long; null for a Double, whatever its value. */
export function asInteger(value: BsonNumber): bigint | null {
  if (typeof value === "bigint") return value;
  if (value instanceof Long) return value.toBigInt();
  if (value instanceof Int32) return BigInt(value.value);
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 0x7fffffff) {
    return BigInt(value);
  }
  return null;
}

/** The nearest double. */
export function asDouble(value: BsonNumber): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof Long ? value.toNumber() : value.value;
}

export function isLong(value: BsonNumber): boolean {
  return typeof value === "bigint" || value instanceof Long;
}

/** An integer as BSON keeps it: Long when an operand was one or int32 is too small. */
export function fromInteger(value: bigint, wantLong: boolean): Int32 | Long {
  if (value > INT64_MAX || value < -INT64_MAX - 1n) {
    throw new StoreError("BadValue", `the result ${value} does not fit in a 64-bit integer`);
  }
  if (wantLong || value > INT32_MAX || value < -INT32_MAX - 1n) return Long.fromBigInt(value);
  return new Int32(Number(value));
}

type Arithmetic = "add" | "subtract" | "multiply";

const EXACT: Record<Arithmetic, (a: bigint, b: bigint) => bigint> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
};

const INEXACT: Record<Arithmetic, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
};

/** Integers are computed exactly and overflow is an error; a Double operand makes the result a Double. */
export function arithmetic(operation: Arithmetic, a: BsonNumber, b: BsonNumber): Int32 | Long | Double {
  const left = asInteger(a);
  const right = asInteger(b);
  if (left !== null && right !== null) {
    return fromInteger(EXACT[operation](left, right), isLong(a) || isLong(b));
  }
  return new Double(INEXACT[operation](asDouble(a), asDouble(b)));
}

/** Reads an integer option such as `limit`; a Double with a fraction is refused. */
export function toSafeInteger(value: unknown, name: string): number {
  const number = isNumber(value) ? asDouble(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw new StoreError("TypeMismatch", `${name} must be an integer`);
  }
  return number;
}
