import { BSONRegExp, Decimal128, Double, Int32, Long, ObjectId } from "bson";
import type { Document } from "bson";
import { describe, expect, test } from "vitest";
import { compileMatcher } from "../../../src/embedded/store/match.ts";

const id = new ObjectId();

const TABLE: readonly (readonly [filter: Document, document: Document, matches: boolean])[] = [
  [{}, { a: 1 }, true],
  [{ a: 1 }, { a: new Double(1) }, true],
  [{ a: Long.fromBigInt(2n ** 53n + 1n) }, { a: new Double(2 ** 53) }, false],
  [{ a: id }, { a: new ObjectId(id.toHexString()) }, true],
  [{ a: { x: 1, y: 2 } }, { a: { x: 1, y: 2 } }, true],
  [{ a: { x: 1, y: 2 } }, { a: { y: 2, x: 1 } }, false],
  // null and missing
  [{ a: null }, {}, true],
  [{ a: null }, { a: null }, true],
  [{ a: null }, { a: 0 }, false],
  [{ a: { $exists: false } }, { a: null }, false],
  [{ a: { $exists: true } }, { a: null }, true],
  [{ a: { $ne: null } }, {}, false],
  [{ "a.b": null }, { a: [{ b: 1 }, {}] }, true],
  [{ "a.b": null }, { a: 5 }, true],
  [{ "a.b": { $exists: false } }, { a: [] }, true],
  [{ a: { $gte: null } }, {}, true],
  [{ a: { $gt: null } }, { a: null }, false],
  // arrays
  [{ a: 2 }, { a: [1, 2] }, true],
  [{ a: [1, 2] }, { a: [1, 2] }, true],
  [{ a: [1, 2] }, { a: [[1, 2], 3] }, true],
  [{ a: [2, 1] }, { a: [1, 2] }, false],
  [{ "a.1": 2 }, { a: [1, 2] }, true],
  [{ "a.b": 2 }, { a: [{ b: 1 }, { b: 2 }] }, true],
  [{ "a.b": { $in: [2] } }, { a: [{ b: [1, 2] }] }, true],
  [{ a: { $gt: 3, $lt: 2 } }, { a: [1, 4] }, true],
  [{ a: { $elemMatch: { $gt: 3, $lt: 2 } } }, { a: [1, 4] }, false],
  [
    { a: { $elemMatch: { b: 1, c: 2 } } },
    {
      a: [
        { b: 1, c: 1 },
        { b: 2, c: 2 },
      ],
    },
    false,
  ],
  [{ a: { $elemMatch: { b: 1, c: 2 } } }, { a: [{ b: 1, c: 2 }] }, true],
  [{ a: { $ne: 2 } }, { a: [1, 2] }, false],
  [{ a: { $nin: [2, 3] } }, { a: [1] }, true],
  [{ a: { $all: [1, 2] } }, { a: [2, 1, 0] }, true],
  [{ a: { $all: [1, 2] } }, { a: [1] }, false],
  [{ a: { $all: [] } }, { a: [] }, false],
  [{ a: { $size: 2 } }, { a: [1, 2] }, true],
  [{ a: { $size: 2 } }, { a: [[1, 2]] }, false],
  // comparison stays within a type
  [{ a: { $gt: 1 } }, { a: "2" }, false],
  [{ a: { $lt: "b" } }, { a: 1 }, false],
  [{ a: { $lt: 5 } }, { a: new Double(Number.NaN) }, false],
  [{ a: { $gte: new Date(5) } }, { a: new Date(5) }, true],
  [{ a: { $gt: Long.fromBigInt(2n ** 62n) } }, { a: Long.fromBigInt(2n ** 62n + 1n) }, true],
  [{ a: { $not: { $gt: 1 } } }, { a: "x" }, true],
  [{ a: { $not: { $gt: 1 } } }, { a: 2 }, false],
  // in and regular expressions
  [{ a: { $in: [null, 5] } }, {}, true],
  [{ a: { $in: [new BSONRegExp("^x"), 5] } }, { a: "xy" }, true],
  [{ a: { $in: [] } }, { a: 1 }, false],
  [{ a: { $regex: "B", $options: "i" } }, { a: "abc" }, true],
  [{ a: { $regex: "a b # c", $options: "x" } }, { a: "ab" }, true],
  [{ a: new BSONRegExp("^b") }, { a: ["x", "by"] }, true],
  // logic
  [{ $or: [{ a: 1 }, { b: 1 }] }, { b: 1 }, true],
  [{ $nor: [{ a: 1 }, { b: 1 }] }, { c: 1 }, true],
  [{ $and: [{ a: 1 }, { a: 2 }] }, { a: [1, 2] }, true],
  [{ $expr: { $gt: ["$a", "$b"] } }, { a: 2, b: 1 }, true],
  [{ $comment: "why" }, {}, true],
  // types and remainders
  [{ a: { $type: "long" } }, { a: Long.ONE }, true],
  [{ a: { $type: "number" } }, { a: new Int32(1) }, true],
  [{ a: { $type: "string" } }, { a: [1, "x"] }, true],
  [{ a: { $type: 4 } }, { a: [] }, true],
  [{ a: { $mod: [4, 1] } }, { a: 9 }, true],
  [{ a: { $mod: [4, -1] } }, { a: -9 }, true],
];

describe("a filter", () => {
  test.each(TABLE.map(([filter, document, matches]) => ({ filter, document, matches })))(
    "$filter on $document is $matches",
    ({ filter, document, matches }) => {
      expect(compileMatcher(filter).test(document)).toBe(matches);
    },
  );

  test.each([
    { $where: "1" },
    { $text: {} },
    { a: { $near: [1, 2] } },
    { a: { $bitsAllSet: 1 } },
    { $jsonSchema: {} },
  ])("refuses what it does not support by name: %j", (filter) => {
    const operator = /\$\w+/.exec(JSON.stringify(filter))?.[0] ?? "";
    expect(() => compileMatcher(filter)).toThrow(operator);
  });

  test("refuses to compare decimals, which it would have to do inexactly", () => {
    expect(() => compileMatcher({ a: 1 }).test({ a: Decimal128.fromString("1") })).toThrow("Decimal128");
  });
});
