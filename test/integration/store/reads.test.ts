import { Double, Long, MaxKey, MinKey, ObjectId } from "mongodb";
import { describe, expect, test } from "vitest";
import { serverError, useDatabase } from "./database.ts";

const database = useDatabase();

describe("null and missing", () => {
  test("are told apart by $exists and not by equality", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1, a: null }, { _id: 2 }, { _id: 3, a: 0 }]);
    const ids = async (filter: object): Promise<unknown[]> =>
      (await rows.find(filter).sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndex({ a: 1 });
      expect(await ids({ a: null })).toEqual([1, 2]);
      expect(await ids({ a: { $exists: false } })).toEqual([2]);
      expect(await ids({ a: { $exists: true } })).toEqual([1, 3]);
      expect(await ids({ a: { $ne: null } })).toEqual([3]);
      expect(await ids({ a: { $in: [null, 0] } })).toEqual([1, 2, 3]);
      expect(await ids({ a: { $lte: 0 } })).toEqual([3]);
    }
  });
});

describe("arrays", () => {
  test("match by element, as a whole and with $elemMatch, with an index and without", async () => {
    const rows = database.collection();
    await rows.insertMany([
      { _id: 1, a: [1, 5] },
      { _id: 2, a: [3] },
      { _id: 3, a: 3 },
      { _id: 4, a: [] },
      { _id: 5, a: [[1, 5]] },
      {
        _id: 6,
        a: [
          { x: 1, y: 2 },
          { x: 2, y: 1 },
        ],
      },
    ]);
    const ids = async (filter: object): Promise<unknown[]> =>
      (await rows.find(filter).sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndexes([{ key: { a: 1 } }, { key: { "a.x": 1, _id: 1 } }]);
      expect(await ids({ a: 3 })).toEqual([2, 3]);
      expect(await ids({ a: [1, 5] })).toEqual([1, 5]);
      expect(await ids({ a: { $gt: 4, $lt: 2 } })).toEqual([1]);
      expect(await ids({ a: { $elemMatch: { $gt: 2, $lt: 4 } } })).toEqual([2]);
      expect(await ids({ a: { $size: 0 } })).toEqual([4]);
      expect(await ids({ a: { $in: [5, 3] } })).toEqual([1, 2, 3]);
      expect(await ids({ "a.x": 1, "a.y": 1 })).toEqual([6]);
      expect(await ids({ a: { $elemMatch: { x: 1, y: 1 } } })).toEqual([]);
      expect(await ids({ "a.0": 1, _id: { $lt: 5 } })).toEqual([1]);
      expect(await ids({ a: { $all: [1, 5] } })).toEqual([1]);
    }
  });
});

describe("sorting", () => {
  test("orders values of all types as MongoDB does, with an index and without", async () => {
    const rows = database.collection();
    const ordered = [
      new MinKey(),
      null,
      Number.NEGATIVE_INFINITY,
      -1.5,
      Long.fromNumber(-1),
      0,
      1,
      new Double(1.5),
      Long.fromBigInt(2n ** 53n),
      Long.fromBigInt(2n ** 53n + 1n),
      "",
      "A",
      "a",
      "aa",
      { a: 1 },
      { a: 1, b: 1 },
      { b: 0 },
      new ObjectId("000000000000000000000001"),
      false,
      true,
      new Date(-1),
      new Date(1),
      new MaxKey(),
    ];
    await rows.insertMany(ordered.map((v, _id) => ({ _id, v })).toReversed());
    const expected = ordered.map((_, _id) => _id);
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndex({ v: 1 });
      expect((await rows.find().sort({ v: 1 }).toArray()).map(({ _id }) => _id)).toEqual(expected);
      expect((await rows.find().sort({ v: -1 }).toArray()).map(({ _id }) => _id)).toEqual(
        expected.toReversed(),
      );
    }
  });

  test("by an array takes its smallest element ascending and its largest descending", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1, a: [5, 1] }, { _id: 2, a: 3 }, { _id: 3, a: [] }, { _id: 4 }]);
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndex({ a: 1 });
      expect((await rows.find().sort({ a: 1, _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual([
        3, 4, 1, 2,
      ]);
      expect((await rows.find().sort({ a: -1, _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual([
        1, 2, 4, 3,
      ]);
    }
  });

  test("by several fields in mixed directions", async () => {
    const rows = database.collection();
    await rows.insertMany([1, 2, 3, 4].map((n) => ({ _id: n, a: n % 2, b: n })));
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndex({ a: 1, b: -1 });
      const sorted = (a: 1 | -1, b: 1 | -1) => rows.find().sort({ a, b }).toArray();
      expect((await sorted(1, -1)).map(({ _id }) => _id)).toEqual([4, 2, 3, 1]);
      expect((await sorted(-1, 1)).map(({ _id }) => _id)).toEqual([1, 3, 2, 4]);
      expect((await sorted(1, 1)).map(({ _id }) => _id)).toEqual([2, 4, 1, 3]);
    }
  });
});

describe("projection", () => {
  const row = { _id: 1, a: 1, b: { c: 2, d: 3 }, e: [{ f: 1, g: 2 }, { g: 3 }, 7] };

  test.each([
    [{ a: 1 }, { _id: 1, a: 1 }],
    [{ a: 1, _id: 0 }, { a: 1 }],
    [
      { _id: 0, a: 0 },
      { b: row.b, e: row.e },
    ],
    [{ "b.c": 1, _id: 0 }, { b: { c: 2 } }],
    [
      { "b.c": 0, e: 0 },
      { _id: 1, a: 1, b: { d: 3 } },
    ],
    [{ "e.g": 1, _id: 0 }, { e: [{ g: 2 }, { g: 3 }] }],
    [{ _id: 1 }, { _id: 1 }],
    [{ missing: 1, _id: 0 }, {}],
  ])("%j gives %j", async (projection, expected) => {
    const rows = database.collection();
    await rows.insertOne({ ...row });
    expect(await rows.findOne({}, { projection })).toEqual(expected);
  });

  test("cannot mix inclusion and exclusion", async () => {
    const rows = database.collection();
    await rows.insertOne({ ...row });
    await serverError(rows.findOne({}, { projection: { a: 1, b: 0 } }));
  });
});

describe("cursors", () => {
  test("hand out everything once in batches of any size", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 1_000 }, (_, n) => ({ _id: n })));
    for (const batchSize of [1, 7, 500, 1_000, 5_000]) {
      const found = await rows.find({}, { batchSize }).sort({ _id: 1 }).toArray();
      expect(found.map(({ _id }) => _id)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    }
  });

  test("respect skip and limit across batches", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n, k: 49 - n })));
    for (const sort of [{ _id: 1 }, { k: -1 }] as const) {
      const found = await rows.find({}, { batchSize: 3 }).sort(sort).skip(10).limit(20).toArray();
      expect(found.map(({ _id }) => _id)).toEqual(Array.from({ length: 20 }, (_, n) => n + 10));
    }
  });

  test("can be left, and a killed one is gone", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 10 }, (_, n) => ({ _id: n })));
    const cursor = rows.find({}, { batchSize: 2 });
    await cursor.next();
    const { id } = cursor;
    await cursor.close();
    const getMore = { getMore: id, collection: rows.collectionName };
    expect((await serverError(database.db.command(getMore))).code).toBe(43);
  });

  test("go on while documents are added, changed and removed", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n, n: 0 })));
    const seen: unknown[] = [];
    for await (const row of rows.find({}, { batchSize: 10 }).sort({ _id: 1 })) {
      seen.push(row._id);
      if (row._id === 5) await rows.deleteMany({ _id: { $gte: 100, $lt: 200 } });
      await rows.updateOne({ _id: row._id }, { $inc: { n: 1 } });
    }
    // What was already read when it was removed may still come; nothing else is missing or doubled.
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(
      expect.arrayContaining([...Array(100).keys(), ...Array.from({ length: 100 }, (_, n) => n + 200)]),
    );
  });

  test("page by key over a sort with ties", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1, _id: 1 });
    await rows.insertMany(Array.from({ length: 95 }, (_, n) => ({ _id: n, a: Math.floor(n / 10) })));
    for (const direction of [1, -1] as const) {
      const seen: unknown[] = [];
      const beyond = direction === 1 ? "$gt" : "$lt";
      let filter: object = {};
      for (;;) {
        const page = await rows.find(filter).sort({ a: direction, _id: direction }).limit(7).toArray();
        const last = page.at(-1);
        if (last === undefined) break;
        seen.push(...page.map(({ _id }) => _id));
        filter = {
          $or: [
            { a: { [beyond]: last["a"] as number } },
            { a: last["a"] as number, _id: { [beyond]: last._id } },
          ],
        };
      }
      const all = [...Array(95).keys()];
      expect(seen).toEqual(direction === 1 ? all : all.toReversed());
    }
  });
});

describe("counting and distinct", () => {
  test("count with and without filter, skip and limit", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 30 }, (_, n) => ({ _id: n, k: n % 3, t: [n % 2, 7] })));
    for (const indexed of [false, true]) {
      if (indexed) await rows.createIndexes([{ key: { k: 1 } }, { key: { t: 1 } }]);
      expect(await rows.countDocuments()).toBe(30);
      expect(await rows.estimatedDocumentCount()).toBe(30);
      expect(await rows.countDocuments({ k: 1 })).toBe(10);
      expect(await rows.countDocuments({ k: { $gte: 1 } })).toBe(20);
      expect(await rows.countDocuments({ k: 1, _id: { $lt: 10 } })).toBe(3);
      expect(await rows.countDocuments({ t: { $gte: 0 } })).toBe(30);
      expect(await rows.countDocuments({ k: 1 }, { skip: 4, limit: 3 })).toBe(3);
      expect(await rows.countDocuments({ k: 99 })).toBe(0);
    }
  });

  test("distinct opens arrays and tells types by value", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1, a: [1, 2] }, { _id: 2, a: 2 }, { _id: 3, a: "2" }, { _id: 4 }]);
    const values = await rows.distinct("a");
    expect(values).toHaveLength(3);
    expect(values).toEqual(expect.arrayContaining([1, 2, "2"]));
    expect(await rows.distinct("a", { _id: 2 })).toEqual([2]);
  });
});

describe("regular expressions", () => {
  test("find by pattern and options", async () => {
    const rows = database.collection();
    await rows.insertMany(["Alpha", "beta", "ALPINE"].map((_id) => ({ _id })));
    const ids = async (filter: object): Promise<unknown[]> =>
      (await rows.find(filter).toArray()).map(({ _id }) => _id);
    expect(await ids({ _id: /^Al/ })).toEqual(["Alpha"]);
    expect(new Set(await ids({ _id: { $regex: "^al", $options: "i" } }))).toEqual(
      new Set(["ALPINE", "Alpha"]),
    );
    expect(await ids({ _id: { $not: /a/i } })).toEqual([]);
  });
});
