import { Int32, Long, MongoBulkWriteError, ObjectId } from "mongodb";
import { describe, expect, test } from "vitest";
import { serverError, useDatabase } from "./database.ts";

const database = useDatabase();

describe("inserting", () => {
  test("a taken _id is refused with the key pattern and the value", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: "a" });
    const error = await serverError(rows.insertOne({ _id: "a" }));
    expect(error.code).toBe(11000);
    expect(error["keyPattern"]).toEqual({ _id: 1 });
    expect(error["keyValue"]).toEqual({ _id: "a" });
    expect(error.message).toContain("E11000 duplicate key error collection");
  });

  test("of 200 parallel inserts of one _id exactly one succeeds", async () => {
    const rows = database.collection();
    const results = await Promise.allSettled(
      Array.from({ length: 200 }, (_, n) => rows.insertOne({ _id: 1, n })),
    );
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    expect(await rows.countDocuments()).toBe(1);
  });

  test("an ordered insertMany stops at the first duplicate, an unordered one goes on", async () => {
    const rows = database.collection();
    const ordered = await rows
      .insertMany([{ _id: 1 }, { _id: 1 }, { _id: 2 }])
      .catch((error: unknown) => error);
    expect(ordered).toBeInstanceOf(MongoBulkWriteError);
    expect((ordered as MongoBulkWriteError).insertedCount).toBe(1);
    const unordered = await rows
      .insertMany([{ _id: 1 }, { _id: 2 }, { _id: 1 }, { _id: 3 }], { ordered: false })
      .catch((error: unknown) => error);
    const { writeErrors, insertedCount } = unordered as MongoBulkWriteError;
    expect(insertedCount).toBe(2);
    expect([writeErrors].flat().map(({ index, code }) => [index, code])).toEqual([
      [0, 11000],
      [2, 11000],
    ]);
    expect(await rows.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
  });

  test("1 and 1.0 and NumberLong(1) are one _id; documents differ by the order of their fields", async () => {
    const rows = database.collectionOf<{ _id: number | Long | object | null }>();
    await rows.insertOne({ _id: 1 });
    expect((await serverError(rows.insertOne({ _id: Long.ONE }))).code).toBe(11000);
    await rows.insertMany([{ _id: { a: 1, b: 1 } }, { _id: { b: 1, a: 1 } }, { _id: null }]);
    expect(await rows.countDocuments()).toBe(4);
  });

  test("a missing _id is made and comes first", async () => {
    const rows = database.collection();
    await database.db.command({ insert: rows.collectionName, documents: [{ a: 1 }] });
    const [row] = await rows.find().toArray();
    expect(Object.keys(row ?? {})).toEqual(["_id", "a"]);
    expect(row?._id).toBeInstanceOf(ObjectId);
  });

  test.each([
    [[1], 53],
    [/x/, 53],
  ])("an _id of %j is refused", async (_id, code) => {
    expect((await serverError(database.collectionOf<{ _id: object }>().insertOne({ _id }))).code).toBe(code);
  });
});

describe("updating", () => {
  test("of 1,000 parallel upserts of one _id one inserts and all count", async () => {
    const rows = database.collection();
    const results = await Promise.all(
      Array.from({ length: 1_000 }, () => rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { upsert: true })),
    );
    expect(results.filter(({ upsertedCount }) => upsertedCount === 1)).toHaveLength(1);
    expect(await rows.findOne({ _id: 1 })).toEqual({ _id: 1, n: 1_000 });
  });

  test("$inc of a Long by an int or a Long is exact and stays a Long", async () => {
    const rows = database.collection();
    const start = 2n ** 53n;
    await rows.insertOne({
      _id: 1,
      n: Long.fromBigInt(start),
      untouched: Long.fromNumber(5),
      small: new Int32(7),
    });
    await rows.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    await rows.updateOne({ _id: 1 }, { $inc: { n: Long.fromBigInt(2n) } });
    const row = await rows.findOne({ _id: 1 }, { promoteValues: false });
    expect(row?.["n"]).toEqual(Long.fromBigInt(start + 3n));
    expect(row?.["untouched"]).toEqual(Long.fromNumber(5));
    expect(row?.["small"]).toEqual(new Int32(7));
  });

  test("$inc beyond 64 bits is an error and changes nothing", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, n: Long.MAX_VALUE });
    expect((await serverError(rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }))).code).toBe(2);
    expect(await rows.findOne({ _id: 1 })).toEqual({ _id: 1, n: Long.MAX_VALUE });
  });

  test("$inc of an int32 that overflows becomes a Long", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, n: 2 ** 31 - 1 });
    await rows.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    expect((await rows.findOne({ _id: 1 }))?.["n"]).toEqual(Long.fromNumber(2 ** 31));
  });

  test("$inc of text is a type error", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, n: "1" });
    expect((await serverError(rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }))).code).toBe(14);
  });

  test("an update that changes nothing matches without modifying", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, a: 1 });
    expect(await rows.updateOne({ _id: 1 }, { $set: { a: 1 } })).toMatchObject({
      matchedCount: 1,
      modifiedCount: 0,
    });
  });

  test("updateMany counts what it matched and what it changed", async () => {
    const rows = database.collection();
    await rows.createIndex({ n: 1 });
    await rows.insertMany([1, 2, 3, 4].map((n) => ({ _id: n, n })));
    // The field it filters by moves ahead of the scan; no document may be met twice.
    expect(await rows.updateMany({ n: { $gte: 2 } }, { $inc: { n: 100 } })).toMatchObject({
      matchedCount: 3,
      modifiedCount: 3,
    });
    expect((await rows.find().sort({ _id: 1 }).toArray()).map((row) => row["n"] as number)).toEqual([
      1, 102, 103, 104,
    ]);
  });

  test("an upsert takes equalities of its filter and $setOnInsert, an update does not", async () => {
    const rows = database.collection();
    const update = { $set: { b: 1 }, $setOnInsert: { c: 1 } };
    const inserted = await rows.updateOne({ _id: "x", "a.k": 5, z: { $gt: 1 } }, update, { upsert: true });
    expect(inserted).toMatchObject({ matchedCount: 0, upsertedCount: 1, upsertedId: "x" });
    expect(await rows.findOne({ _id: "x" })).toEqual({ _id: "x", a: { k: 5 }, b: 1, c: 1 });
    await rows.updateOne({ _id: "x" }, { $set: { b: 2 }, $setOnInsert: { c: 2 } }, { upsert: true });
    expect(await rows.findOne({ _id: "x" })).toEqual({ _id: "x", a: { k: 5 }, b: 2, c: 1 });
  });

  test("a replacement keeps the _id and refuses another", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, a: 1, b: 1 });
    await rows.replaceOne({ _id: 1 }, { c: 1 });
    expect(await rows.findOne()).toEqual({ _id: 1, c: 1 });
    expect((await serverError(rows.replaceOne({ _id: 1 }, { _id: 2 }))).code).toBe(66);
    expect((await serverError(rows.updateOne({ _id: 1 }, { $set: { _id: 2 } }))).code).toBe(66);
  });

  test("arrays: $push with $each, $sort and $slice; $addToSet; $pull; positional paths", async () => {
    const rows = database.collection();
    await rows.insertOne({
      _id: 1,
      tags: ["a"],
      items: [
        { k: 1, n: 1 },
        { k: 2, n: 1 },
      ],
    });
    await rows.updateOne({ _id: 1 }, { $push: { log: { $each: [3, 1, 2], $sort: -1, $slice: 2 } } as never });
    await rows.updateOne({ _id: 1 }, { $addToSet: { tags: { $each: ["a", "b"] } } });
    await rows.updateOne({ _id: 1, "items.k": 2 }, { $inc: { "items.$.n": 5 } });
    await rows.updateOne({ _id: 1 }, { $set: { "items.$[i].hit": true } }, { arrayFilters: [{ "i.k": 1 }] });
    await rows.updateOne({ _id: 1 }, { $pull: { log: 3 } as never });
    expect(await rows.findOne()).toEqual({
      _id: 1,
      tags: ["a", "b"],
      items: [
        { k: 1, n: 1, hit: true },
        { k: 2, n: 6 },
      ],
      log: [2],
    });
  });

  test("paths that overlap conflict, and a path through a scalar cannot be made", async () => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, a: 1 });
    expect((await serverError(rows.updateOne({ _id: 1 }, { $set: { b: 1, "b.c": 1 } }))).code).toBe(40);
    expect((await serverError(rows.updateOne({ _id: 1 }, { $set: { "a.b": 1 } }))).code).toBe(28);
  });

  test("$currentDate sets the time of the server", async () => {
    const rows = database.collection();
    await rows.updateOne({ _id: 1 }, { $currentDate: { at: true } }, { upsert: true });
    expect((await rows.findOne())?.["at"]).toBeInstanceOf(Date);
  });
});

describe("findOneAndUpdate and its kin", () => {
  test("return the document before or after, or null", async () => {
    const rows = database.collection();
    expect(await rows.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } })).toBeNull();
    expect(await rows.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { upsert: true })).toBeNull();
    expect(await rows.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } })).toEqual({ _id: 1, n: 1 });
    const after = { returnDocument: "after" } as const;
    expect(await rows.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, after)).toEqual({ _id: 1, n: 3 });
    expect(await rows.findOneAndUpdate({ _id: 2 }, { $set: { n: 9 } }, { ...after, upsert: true })).toEqual({
      _id: 2,
      n: 9,
    });
    expect(await rows.findOneAndReplace({ _id: 2 }, { m: 1 }, after)).toEqual({ _id: 2, m: 1 });
    expect(await rows.findOneAndDelete({ _id: 2 })).toEqual({ _id: 2, m: 1 });
    expect(await rows.findOneAndDelete({ _id: 2 })).toBeNull();
  });

  test("take the first by the sort and return the projected fields", async () => {
    const rows = database.collection();
    await rows.insertMany([3, 1, 2].map((n) => ({ _id: n, n, state: "pending" })));
    const claim = { $set: { state: "taken" } };
    const options = { sort: { n: 1 }, projection: { n: 1, _id: 0 } } as const;
    expect(await rows.findOneAndUpdate({ state: "pending" }, claim, options)).toEqual({ n: 1 });
    expect(await rows.findOneAndUpdate({ state: "pending" }, claim, options)).toEqual({ n: 2 });
  });

  test("report a duplicate key as the error of the command", async () => {
    const rows = database.collection();
    await rows.createIndex({ k: 1 }, { unique: true });
    await rows.insertMany([
      { _id: 1, k: 1 },
      { _id: 2, k: 2 },
    ]);
    const error = await serverError(rows.findOneAndUpdate({ _id: 2 }, { $set: { k: 1 } }));
    expect([error.code, error["keyPattern"], error["keyValue"]]).toEqual([11000, { k: 1 }, { k: 1 }]);
  });

  test("claims by many workers never hand out one document twice", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 100 }, (_, n) => ({ _id: n, state: "pending" })));
    const claims = await Promise.all(
      Array.from({ length: 120 }, () =>
        rows.findOneAndUpdate({ state: "pending" }, { $set: { state: "taken" } }),
      ),
    );
    const ids = claims.flatMap((row) => (row === null ? [] : [row._id]));
    expect(new Set(ids).size).toBe(100);
    expect(ids).toHaveLength(100);
  });
});

describe("bulkWrite", () => {
  test("runs a mix of operations and sums up what they did", async () => {
    const rows = database.collection();
    await rows.insertMany([{ _id: 1 }, { _id: 2 }]);
    const result = await rows.bulkWrite([
      { insertOne: { document: { _id: 3 } } },
      { updateOne: { filter: { _id: 1 }, update: { $set: { a: 1 } } } },
      { updateOne: { filter: { _id: 9 }, update: { $set: { a: 1 } }, upsert: true } },
      { replaceOne: { filter: { _id: 2 }, replacement: { b: 1 } } },
      { deleteOne: { filter: { _id: 3 } } },
    ]);
    expect(result).toMatchObject({
      insertedCount: 1,
      matchedCount: 2,
      modifiedCount: 2,
      upsertedCount: 1,
      deletedCount: 1,
    });
    expect(result.upsertedIds).toEqual({ 2: 9 });
    expect(await rows.find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, a: 1 },
      { _id: 2, b: 1 },
      { _id: 9, a: 1 },
    ]);
  });

  test.each([
    { ordered: true, kept: [1, 5] },
    { ordered: false, kept: [1, 5, 6] },
  ])("ordered: $ordered keeps $kept when one operation fails", async ({ ordered, kept }) => {
    const rows = database.collection();
    await rows.insertOne({ _id: 1, n: "text" });
    const operations = [5, 1, 6].map((_id) => ({ insertOne: { document: { _id } } }));
    const error = await rows.bulkWrite(operations, { ordered }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(MongoBulkWriteError);
    expect([(error as MongoBulkWriteError).writeErrors].flat().map(({ index }) => index)).toEqual([1]);
    expect((await rows.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual(kept);
  });

  test("500 upserts in one command add up", async () => {
    const rows = database.collection();
    const operations = Array.from({ length: 500 }, (_, n) => ({
      updateOne: { filter: { _id: n % 250 }, update: { $inc: { n: Long.ONE } }, upsert: true },
    }));
    const result = await rows.bulkWrite(operations);
    expect(result).toMatchObject({ upsertedCount: 250, matchedCount: 250 });
    expect(await rows.countDocuments({ n: 2 })).toBe(250);
  });
});

describe("deleting", () => {
  test("deleteOne takes one, deleteMany all that match", async () => {
    const rows = database.collection();
    await rows.insertMany([1, 2, 3, 4].map((n) => ({ _id: n, even: n % 2 === 0 })));
    expect((await rows.deleteOne({ even: true })).deletedCount).toBe(1);
    expect((await rows.deleteMany({ even: false })).deletedCount).toBe(2);
    expect(await rows.countDocuments()).toBe(1);
  });

  test("frees a unique key", async () => {
    const rows = database.collection();
    await rows.createIndex({ k: 1 }, { unique: true });
    await rows.insertOne({ _id: 1, k: 1 });
    await rows.deleteOne({ _id: 1 });
    await rows.insertOne({ _id: 2, k: 1 });
    expect(await rows.findOne({ k: 1 })).toEqual({ _id: 2, k: 1 });
  });
});
