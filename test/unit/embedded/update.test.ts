import { Double, Int32, Long } from "bson";
import type { Document } from "bson";
import { describe, expect, test } from "vitest";
import { decode, encode } from "../../../src/embedded/store/bson-codec.ts";
import { compileMatcher } from "../../../src/embedded/store/match.ts";
import { applyUpdate, compileUpdate, upsertSeed } from "../../../src/embedded/store/update.ts";

interface Case {
  before: Document;
  update: Document;
  after: Document;
  filter?: Document;
  arrayFilters?: Document[];
}

const TABLE: readonly Case[] = [
  { before: { a: 1 }, update: { $set: { b: 2, "c.d": 3 } }, after: { a: 1, b: 2, c: { d: 3 } } },
  { before: { a: [1, 2] }, update: { $set: { "a.3": 4 } }, after: { a: [1, 2, null, 4] } },
  { before: { a: 1 }, update: { $setOnInsert: { b: 1 } }, after: { a: 1 } },
  { before: { a: 1, b: { c: 1 } }, update: { $unset: { a: "", "b.c": "", x: "" } }, after: { b: {} } },
  { before: { a: [1, 2] }, update: { $unset: { "a.0": "" } }, after: { a: [null, 2] } },
  { before: {}, update: { $inc: { n: Long.fromNumber(2) } }, after: { n: Long.fromNumber(2) } },
  { before: { n: Long.fromNumber(5) }, update: { $inc: { n: 1 } }, after: { n: Long.fromNumber(6) } },
  {
    before: { n: new Int32(2 ** 31 - 1) },
    update: { $inc: { n: 1 } },
    after: { n: Long.fromNumber(2 ** 31) },
  },
  { before: { n: new Int32(1) }, update: { $inc: { n: new Double(0.5) } }, after: { n: new Double(1.5) } },
  {
    before: { n: Long.fromBigInt(2n ** 53n) },
    update: { $inc: { n: Long.ONE } },
    after: { n: Long.fromBigInt(2n ** 53n + 1n) },
  },
  { before: { n: Long.fromNumber(3) }, update: { $mul: { n: 4 } }, after: { n: Long.fromNumber(12) } },
  { before: { n: 5 }, update: { $min: { n: 3 }, $max: { m: 1 } }, after: { n: 3, m: 1 } },
  { before: { n: 5 }, update: { $min: { n: "x" } }, after: { n: 5 } },
  { before: { a: [1] }, update: { $push: { a: 2, b: 1 } }, after: { a: [1, 2], b: [1] } },
  { before: {}, update: { $push: { a: { $each: [3, 1, 2], $sort: 1, $slice: -2 } } }, after: { a: [2, 3] } },
  { before: { a: [1, 2] }, update: { $push: { a: { $each: [9], $position: 1 } } }, after: { a: [1, 9, 2] } },
  {
    before: { a: [{ x: 2, y: 1 }] },
    update: {
      $push: {
        a: {
          $each: [
            { x: 1, y: 1 },
            { x: 1, y: 2 },
          ],
          $sort: { y: -1, x: 1 },
        },
      },
    },
    after: {
      a: [
        { x: 1, y: 2 },
        { x: 1, y: 1 },
        { x: 2, y: 1 },
      ],
    },
  },
  { before: { a: [1, 2] }, update: { $addToSet: { a: { $each: [2, 3, 3] } } }, after: { a: [1, 2, 3] } },
  { before: { a: [1, 2, 3, 2] }, update: { $pull: { a: 2 } }, after: { a: [1, 3] } },
  { before: { a: [1, 5, 9] }, update: { $pull: { a: { $gt: 4 } } }, after: { a: [1] } },
  { before: { a: [{ b: 1, c: 1 }, { b: 2 }] }, update: { $pull: { a: { b: 1 } } }, after: { a: [{ b: 2 }] } },
  {
    before: { a: [{ b: 1 }, { b: 2 }] },
    filter: { "a.b": 2 },
    update: { $set: { "a.$.c": 3 } },
    after: { a: [{ b: 1 }, { b: 2, c: 3 }] },
  },
  {
    before: { a: [{ b: 1 }, { b: 2 }] },
    filter: { a: { $elemMatch: { b: 2 } } },
    update: { $set: { "a.$.c": 3 }, $inc: { "a.$.b": 1 } },
    after: { a: [{ b: 1 }, { b: 3, c: 3 }] },
  },
  { before: { a: [1, 2] }, update: { $inc: { "a.$[]": 10 } }, after: { a: [11, 12] } },
  {
    before: { a: [{ b: 1 }, { b: 5 }] },
    update: { $set: { "a.$[x].c": 1 } },
    arrayFilters: [{ "x.b": { $gt: 2 } }],
    after: { a: [{ b: 1 }, { b: 5, c: 1 }] },
  },
  { before: { _id: 1, a: 1 }, update: { b: 2 }, after: { _id: 1, b: 2 } },
];

const ERRORS: readonly (readonly [before: Document, update: Document, code: number])[] = [
  [{ a: "x" }, { $inc: { a: 1 } }, 14],
  [{ a: null }, { $inc: { a: 1 } }, 14],
  [{ a: 1 }, { $inc: { a: "x" } }, 14],
  [{ a: Long.MAX_VALUE }, { $inc: { a: 1 } }, 2],
  [{ a: 1 }, { $push: { a: 1 } }, 2],
  [{ a: 1 }, { $set: { "a.b": 1 } }, 28],
  [{ a: null }, { $set: { "a.b": 1 } }, 28],
  [{ _id: 1 }, { $set: { _id: 2 } }, 66],
  [{ _id: 1 }, { _id: 2 }, 66],
  [{}, { $set: { a: 1, "a.b": 2 } }, 40],
  [{}, { $set: { a: 1 }, $inc: { a: 1 } }, 40],
  [{ a: 1 }, { $rename: { a: "b" } }, 238],
  [{ a: [1] }, { $set: { "a.$[x]": 1 } }, 2],
];

function run({ before, update, filter = {}, arrayFilters }: Omit<Case, "after">): Document {
  return applyUpdate(
    compileUpdate(decode(encode(update)), arrayFilters),
    decode(encode(before)),
    compileMatcher(filter),
    false,
  );
}

describe("an update", () => {
  test.each(TABLE)("$update turns $before into $after", ({ after, ...rest }) => {
    expect(Buffer.from(encode(run(rest)))).toEqual(Buffer.from(encode(after)));
  });

  test.each(ERRORS.map(([before, update, code]) => ({ before, update, code })))(
    "$update on $before fails with $code",
    ({ before, update, code }) => {
      expect(() => run({ before, update })).toThrow(expect.objectContaining({ code }));
    },
  );

  test("does not change the document it was given", () => {
    const before = decode(encode({ _id: 1, a: { b: [1] } }));
    applyUpdate(compileUpdate({ $push: { "a.b": 2 } }, undefined), before, compileMatcher({}), false);
    expect(encode(before)).toEqual(encode({ _id: 1, a: { b: [1] } }));
  });

  test("seeds an upsert with what the filter asks to be equal", () => {
    const matcher = compileMatcher({
      _id: "x",
      "a.b": 1,
      c: { $gt: 1 },
      $and: [{ d: { $eq: 2 } }],
      $or: [{ e: 3 }],
    });
    expect(upsertSeed(matcher)).toEqual({ _id: "x", a: { b: 1 }, d: 2, e: 3 });
  });
});
