import { Long } from "mongodb";
import { describe, expect, test } from "vitest";
import { useDatabase } from "./database.ts";

const database = useDatabase();

describe("$group", () => {
  test("sums Longs exactly, and mixed numbers as MongoDB does", async () => {
    const rows = database.collection();
    const big = 2n ** 53n;
    await rows.insertMany([
      { _id: 1, k: "a", n: Long.fromBigInt(big) },
      { _id: 2, k: "a", n: 1 },
      { _id: 3, k: "a", n: "ignored" },
      { _id: 4, k: "b", n: 1.5 },
      { _id: 5, k: "b", n: Long.fromNumber(2) },
      { _id: 6, k: "c" },
    ]);
    const pipeline = [
      { $group: { _id: "$k", sum: { $sum: "$n" }, count: { $sum: 1 }, n: { $count: {} } } },
      { $sort: { _id: 1 } },
    ];
    expect(await rows.aggregate(pipeline).toArray()).toEqual([
      { _id: "a", sum: Long.fromBigInt(big + 1n), count: 3, n: 3 },
      { _id: "b", sum: 3.5, count: 2, n: 2 },
      { _id: "c", sum: 0, count: 1, n: 1 },
    ]);
  });

  test("computes averages, extremes, first and last, lists and sets", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1, n: 4 }, { _id: 2, n: 2 }, { _id: 3, n: 2 }, { _id: 4 }]);
    const [result] = await rows
      .aggregate([
        { $sort: { _id: 1 } },
        {
          $group: {
            _id: null,
            avg: { $avg: "$n" },
            min: { $min: "$n" },
            max: { $max: "$n" },
            first: { $first: "$n" },
            last: { $last: "$n" },
            list: { $push: "$n" },
            set: { $addToSet: "$n" },
          },
        },
      ])
      .toArray();
    const { avg, set, ...rest } = result as { avg: number; set: number[] };
    expect(avg).toBeCloseTo(8 / 3);
    expect(set.toSorted((a, b) => a - b)).toEqual([2, 4]);
    expect(rest).toEqual({ _id: null, min: 2, max: 4, first: 4, last: null, list: [4, 2, 2] });
  });

  test("groups by several fields, by missing ones as null, and counts an empty collection as nothing", async () => {
    const rows = database.collection();
    expect(await rows.aggregate([{ $group: { _id: null, n: { $sum: 1 } } }]).toArray()).toEqual([]);
    await rows.insertMany([
      { _id: 1, a: 1, b: 1 },
      { _id: 2, a: 1, b: 1 },
      { _id: 3, a: 1 },
    ]);
    const grouped = await rows
      .aggregate([{ $group: { _id: { a: "$a", b: "$b" }, n: { $sum: 1 } } }, { $sort: { n: -1 } }])
      .toArray();
    expect(grouped).toEqual([
      { _id: { a: 1, b: 1 }, n: 2 },
      { _id: { a: 1 }, n: 1 },
    ]);
    expect(await rows.aggregate([{ $group: { _id: "$zz", n: { $sum: 1 } } }]).toArray()).toEqual([
      { _id: null, n: 3 },
    ]);
  });
});

describe("stages", () => {
  test("match, sort, skip and limit in front are one query", async () => {
    const rows = database.collection();
    await rows.createIndex({ k: 1, n: -1 });
    await rows.insertMany(Array.from({ length: 40 }, (_, n) => ({ _id: n, k: n % 2, n })));
    const stages = [
      { $match: { k: 1 } },
      { $sort: { n: -1 } },
      { $skip: 2 },
      { $limit: 3 },
      { $project: { _id: 1 } },
    ];
    expect(await rows.aggregate(stages).toArray()).toEqual([{ _id: 35 }, { _id: 33 }, { _id: 31 }]);
    const reversed = [{ $limit: 4 }, { $sort: { n: -1 } }, { $skip: 3 }, { $project: { n: 1, _id: 0 } }];
    expect(await rows.aggregate([{ $sort: { _id: 1 } }, ...reversed]).toArray()).toEqual([{ n: 0 }]);
  });

  test("reshape documents", async () => {
    const rows = database.collection();
    await rows.insertOne({
      _id: 1,
      a: { b: 2, c: 3 },
      n: Long.fromNumber(7),
      at: new Date("2026-03-04T05:06:07.008Z"),
    });
    const [row] = await rows
      .aggregate([
        { $set: { sum: { $add: ["$n", "$a.b"] }, "a.d": "$a.c" } },
        { $unset: "a.c" },
        {
          $project: {
            _id: 0,
            a: 1,
            sum: 1,
            day: { $dateToString: { date: "$at", format: "%Y-%m-%d" } },
            size: { $cond: [{ $gte: ["$sum", 9] }, "big", "small"] },
            missing: { $ifNull: ["$nothing", "none"] },
            ratio: { $divide: ["$a.b", 4] },
          },
        },
      ])
      .toArray();
    expect(row).toEqual({
      a: { b: 2, d: 3 },
      sum: Long.fromNumber(9),
      day: "2026-03-04",
      size: "big",
      missing: "none",
      ratio: 0.5,
    });
  });

  test("unwind arrays, keeping empty ones when asked", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1, a: [1, 2] }, { _id: 2, a: [] }, { _id: 3 }, { _id: 4, a: 9 }]);
    const sorted = { $sort: { _id: 1 } };
    expect(await rows.aggregate([sorted, { $unwind: "$a" }]).toArray()).toEqual([
      { _id: 1, a: 1 },
      { _id: 1, a: 2 },
      { _id: 4, a: 9 },
    ]);
    const kept = await rows
      .aggregate([sorted, { $unwind: { path: "$a", preserveNullAndEmptyArrays: true } }])
      .toArray();
    expect(kept).toEqual([{ _id: 1, a: 1 }, { _id: 1, a: 2 }, { _id: 2 }, { _id: 3 }, { _id: 4, a: 9 }]);
  });

  test("replace the root, count, and run facets side by side", async () => {
    const rows = database.collection();
    await rows.insertMany([1, 2, 3].map((n) => ({ _id: n, inner: { n } })));
    expect(
      await rows.aggregate([{ $sort: { _id: 1 } }, { $replaceRoot: { newRoot: "$inner" } }]).toArray(),
    ).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const [facets] = await rows
      .aggregate([
        {
          $facet: {
            total: [{ $count: "n" }],
            page: [{ $sort: { _id: -1 } }, { $limit: 1 }, { $replaceWith: "$inner" }],
          },
        },
      ])
      .toArray();
    expect(facets).toEqual({ total: [{ n: 3 }], page: [{ n: 3 }] });
    expect(await rows.aggregate([{ $match: { _id: 99 } }, { $count: "n" }]).toArray()).toEqual([]);
  });

  test("stream through a cursor in batches", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 500 }, (_, n) => ({ _id: n })));
    const found = await rows
      .aggregate([{ $match: { _id: { $gte: 100 } } }, { $set: { x: 1 } }], { batchSize: 33 })
      .toArray();
    expect(found).toHaveLength(400);
  });
});

describe("expressions", () => {
  test("compare across types and treat null and missing as MongoDB does", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, n: 1, s: "x", nul: null, list: [1, 2] });
    const [row] = await rows
      .aggregate([
        {
          $project: {
            _id: 0,
            textIsMore: { $gt: ["$s", "$n"] },
            missingIsLessThanNull: { $lt: ["$missing", "$nul"] },
            arrayIsNotItsElement: { $eq: ["$list", 1] },
            inList: { $in: [2, "$list"] },
            sum: { $sum: "$list" },
            absent: "$missing",
            added: { $add: ["$n", "$nul"] },
            kind: { $type: "$missing" },
          },
        },
      ])
      .toArray();
    expect(row).toEqual({
      textIsMore: true,
      missingIsLessThanNull: true,
      arrayIsNotItsElement: false,
      inList: true,
      sum: 3,
      added: null,
      kind: "missing",
    });
  });

  test("filter documents through $expr", async () => {
    const rows = database.collection();
    await rows.insertMany([
      { _id: 1, spent: Long.fromNumber(5), max: Long.fromNumber(4) },
      { _id: 2, spent: 1, max: 4 },
    ]);
    expect((await rows.find({ $expr: { $gt: ["$spent", "$max"] } }).toArray()).map(({ _id }) => _id)).toEqual(
      [1],
    );
  });
});
