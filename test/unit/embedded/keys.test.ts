import { Double, Int32, Long, MaxKey, MinKey, ObjectId } from "bson";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterPrefix, encodeKey, invert } from "../../../src/embedded/store/keys.ts";

/** Compares as MongoDB's documentation says, without using the encoding. */
function reference(a: unknown, b: unknown): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return Math.sign(rank);
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(a, b);
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Date && b instanceof Date) return Math.sign(a.getTime() - b.getTime());
  if (a instanceof ObjectId && b instanceof ObjectId) return Buffer.compare(a.id, b.id);
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b, reference);
  if (rankOf(a) === 4) {
    return compareLists(Object.entries(a as object), Object.entries(b as object), ([n, x], [m, y]) => {
      const types = Math.sign(rankOf(x) - rankOf(y));
      return types || Buffer.compare(Buffer.from(n), Buffer.from(m)) || reference(x, y);
    });
  }
  return 0;
}

type Numeric = Int32 | Long | Double;
const isNumeric = (value: unknown): value is Numeric =>
  value instanceof Int32 || value instanceof Long || value instanceof Double;

function rankOf(value: unknown): number {
  if (value instanceof MinKey) return 0;
  if (value === null) return 1;
  if (isNumeric(value)) return 2;
  if (typeof value === "string") return 3;
  if (Array.isArray(value)) return 5;
  if (value instanceof ObjectId) return 6;
  if (typeof value === "boolean") return 7;
  if (value instanceof Date) return 8;
  if (value instanceof MaxKey) return 9;
  return 4;
}

function compareNumbers(a: Numeric, b: Numeric): number {
  const x = a instanceof Long ? a.toBigInt() : a.value;
  const y = b instanceof Long ? b.toBigInt() : b.value;
  if (Number.isNaN(x) || Number.isNaN(y)) {
    return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
  }
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (x: T, y: T) => number): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i] as T, b[i] as T);
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

const numeric = fc.oneof(
  fc.integer().map((n) => new Int32(n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
  fc.double().map((n) => new Double(n)),
  // Neighbours around 2^53, where a double cannot tell integers apart.
  fc.integer({ min: -4, max: 4 }).map((n) => Long.fromBigInt(2n ** 53n + BigInt(n))),
  fc.constantFrom(
    new Double(2 ** 53),
    new Double(2 ** 63),
    new Double(-0),
    new Double(0),
    new Int32(0),
    Long.MAX_VALUE,
  ),
);
const scalar = fc.oneof(
  numeric,
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "\0", "a\0", "a\0b", "a"),
  fc.boolean(),
  fc.constant(null),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.constantFrom(new MinKey(), new MaxKey()),
);
const name = fc.constantFrom("a", "b", "ab", "c\u00e9");
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(name, tie("any"), { maxKeys: 3 }),
  ),
})).any;

describe("encoded keys", () => {
  test("compare byte by byte as MongoDB compares the values", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b)))).toBe(Math.sign(reference(a, b)));
      }),
      { numRuns: 5_000 },
    );
  });

  test("order numbers exactly, whatever their types", () => {
    fc.assert(
      fc.property(numeric, numeric, (a, b) => {
        expect(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b)))).toBe(compareNumbers(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  test("joined for several fields, keep the order of the first field that differs", () => {
    const directions = fc.tuple(fc.constantFrom(1, -1), fc.constantFrom(1, -1));
    const joined = (pair: readonly unknown[], signs: readonly number[]): Buffer =>
      Buffer.concat(pair.map((field, at) => (signs[at] === 1 ? encodeKey(field) : invert(encodeKey(field)))));
    fc.assert(
      fc.property(fc.tuple(value, value), fc.tuple(value, value), directions, (a, b, signs) => {
        const expected = reference(a[0], b[0]) * signs[0] || reference(a[1], b[1]) * signs[1];
        expect(Math.sign(Buffer.compare(joined(a, signs), joined(b, signs)))).toBe(Math.sign(expected) + 0);
      }),
      { numRuns: 3_000 },
    );
  });

  test("after a prefix comes the first key that does not start with it", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        fc.uint8Array({ maxLength: 3 }),
        (prefix, rest) => {
          const next = afterPrefix(prefix);
          const longer = Buffer.concat([prefix, rest]);
          if (next === null) expect(prefix.every((byte) => byte === 0xff)).toBe(true);
          else expect(Buffer.compare(longer, next)).toBe(-1);
        },
      ),
    );
  });
});
