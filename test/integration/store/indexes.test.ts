import { describe, expect, test } from "vitest";
import { serverError, until, useDatabase } from "./database.ts";

const database = useDatabase();

describe("unique indexes", () => {
  test("refuse a second document with the key, and say which", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1, b: -1 }, { unique: true });
    await rows.insertMany([
      { _id: 1, a: 1, b: 1 },
      { _id: 2, a: 1, b: 2 },
    ]);
    const insert = await serverError(rows.insertOne({ _id: 3, a: 1, b: 1 }));
    expect([insert.code, insert["keyPattern"], insert["keyValue"]]).toEqual([
      11000,
      { a: 1, b: -1 },
      { a: 1, b: 1 },
    ]);
    expect(insert.message).toContain("index: a_1_b_-1 dup key");
    const update = await serverError(rows.updateOne({ _id: 2 }, { $set: { b: 1 } }));
    expect(update.code).toBe(11000);
    expect(await rows.findOne({ _id: 2 })).toEqual({ _id: 2, a: 1, b: 2 });
  });

  test("count a missing field as null, so only one document may lack it", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1 }, { unique: true });
    await rows.insertOne({ _id: 1 });
    expect((await serverError(rows.insertOne({ _id: 2, a: null }))).code).toBe(11000);
  });

  test("hold for each element of an array, but not within one document", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1 }, { unique: true });
    await rows.insertOne({ _id: 1, a: [1, 2, 2] });
    expect((await serverError(rows.insertOne({ _id: 2, a: [5, 2] }))).code).toBe(11000);
    await rows.insertOne({ _id: 3, a: [5, 6] });
    await rows.updateOne({ _id: 1 }, { $set: { a: [1] } });
    await rows.insertOne({ _id: 4, a: 2 });
  });

  test("cannot be built over duplicates, and nothing of the attempt stays", async () => {
    const rows = database.collection();
    await rows.insertMany([
      { _id: 1, a: 1 },
      { _id: 2, a: 1 },
    ]);
    expect((await serverError(rows.createIndex({ a: 1 }, { unique: true }))).code).toBe(11000);
    expect((await rows.listIndexes().toArray()).map((index) => index["name"] as string)).toEqual(["_id_"]);
  });

  test("of 300 parallel upserts on a unique field one inserts", async () => {
    const rows = database.collection();
    await rows.createIndex({ key: 1 }, { unique: true });
    const upsert = () => rows.updateOne({ key: "k" }, { $inc: { n: 1 } }, { upsert: true });
    // MongoDB may report the race to a loser, who then tries again and finds the document.
    await Promise.all(Array.from({ length: 300 }, () => upsert().catch(upsert)));
    expect(await rows.find({}, { projection: { _id: 0 } }).toArray()).toEqual([{ key: "k", n: 300 }]);
  });
});

describe("sparse and partial indexes", () => {
  test("a unique sparse index lets many documents lack the field", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1 }, { unique: true, sparse: true });
    await rows.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3, a: 1 }]);
    expect((await serverError(rows.insertOne({ _id: 4, a: 1 }))).code).toBe(11000);
    expect(await rows.countDocuments({ a: null })).toBe(2);
    expect((await rows.find().sort({ a: 1, _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual([1, 2, 3]);
  });

  test("a unique partial index holds only where its filter matches", async () => {
    const rows = database.collection();
    await rows.createIndex({ owner: 1 }, { unique: true, partialFilterExpression: { state: "active" } });
    await rows.insertMany([
      { _id: 1, owner: "x", state: "done" },
      { _id: 2, owner: "x", state: "active" },
    ]);
    expect((await serverError(rows.insertOne({ _id: 3, owner: "x", state: "active" }))).code).toBe(11000);
    expect((await serverError(rows.updateOne({ _id: 1 }, { $set: { state: "active" } }))).code).toBe(11000);
    await rows.updateOne({ _id: 2 }, { $set: { state: "done" } });
    await rows.updateOne({ _id: 1 }, { $set: { state: "active" } });
    expect(await rows.countDocuments({ owner: "x" })).toBe(2);
    expect(await rows.countDocuments({ owner: "x", state: "active" })).toBe(1);
  });

  test("a partial index with $exists or a range is used only where that is right", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1 }, { name: "p", partialFilterExpression: { a: { $gt: 5 } } });
    await rows.createIndex({ b: 1 }, { partialFilterExpression: { b: { $exists: true } } });
    await rows.insertMany([
      { _id: 1, a: 3 },
      { _id: 2, a: 7, b: 1 },
      { _id: 3, a: 9 },
      { _id: 4, b: null },
    ]);
    const ids = async (filter: object): Promise<unknown[]> =>
      (await rows.find(filter).sort({ _id: 1 }).toArray()).map(({ _id }) => _id);
    expect(await ids({ a: { $gt: 5 } })).toEqual([2, 3]);
    expect(await ids({ a: { $gt: 2 } })).toEqual([1, 2, 3]);
    expect(await ids({ a: { $gte: 7, $lt: 9 } })).toEqual([2]);
    expect(await ids({ a: { $in: [3, 7] } })).toEqual([1, 2]);
    expect(await ids({ b: null })).toEqual([1, 3, 4]);
    expect(await ids({ b: 1 })).toEqual([2]);
  });
});

describe("managing indexes", () => {
  test("creating twice is harmless, creating something else by the name is not", async () => {
    const rows = database.collection();
    await rows.createIndex({ a: 1 });
    await rows.createIndex({ a: 1 });
    expect((await serverError(rows.createIndex({ b: 1 }, { name: "a_1" }))).code).toBe(86);
    expect((await serverError(rows.createIndex({ a: 1 }, { name: "a_1", unique: true }))).code).toBe(86);
    expect((await rows.listIndexes().toArray()).map((index) => index["name"] as string)).toEqual([
      "_id_",
      "a_1",
    ]);
  });

  test("are listed as they were made, and dropped by name or all at once", async () => {
    const rows = database.collection();
    await rows.createIndexes([
      { key: { a: 1 }, unique: true, sparse: true },
      { key: { at: 1 }, expireAfterSeconds: 3600 },
      { key: { b: -1, c: 1 }, name: "custom" },
    ]);
    expect(await rows.listIndexes().toArray()).toMatchObject([
      { v: 2, key: { _id: 1 }, name: "_id_" },
      { v: 2, key: { a: 1 }, name: "a_1", unique: true, sparse: true },
      { v: 2, key: { at: 1 }, name: "at_1", expireAfterSeconds: 3600 },
      { v: 2, key: { b: -1, c: 1 }, name: "custom" },
    ]);
    await rows.dropIndex("custom");
    expect((await serverError(rows.dropIndex("custom"))).code).toBe(27);
    await rows.dropIndexes();
    expect(await rows.indexes()).toHaveLength(1);
  });

  test("building over documents that are there already finds them", async () => {
    const rows = database.collection();
    await rows.insertMany(Array.from({ length: 500 }, (_, n) => ({ _id: n, k: n % 7, t: [n, -n] })));
    await rows.createIndexes([{ key: { k: 1, _id: -1 } }, { key: { t: 1 } }]);
    expect((await rows.find({ k: 3 }).sort({ _id: -1 }).limit(2).toArray()).map(({ _id }) => _id)).toEqual([
      493, 486,
    ]);
    expect((await rows.findOne({ t: -42 }))?._id).toBe(42);
  });
});

describe("a TTL index", () => {
  test("removes what is older and leaves what is not", async () => {
    const rows = database.collection();
    await rows.createIndex({ at: 1 }, { expireAfterSeconds: 3600 });
    await rows.insertMany([
      { _id: "old", at: new Date(Date.now() - 7_200_000) },
      { _id: "new", at: new Date() },
      { _id: "none" },
      { _id: "text", at: "2001-01-01" },
      { _id: "several", at: [new Date(), new Date(0)] },
    ]);
    // MongoDB looks once a minute.
    await until(async () => (await rows.countDocuments({ _id: { $in: ["old", "several"] } })) === 0, 130);
    expect((await rows.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual([
      "new",
      "none",
      "text",
    ]);
  }, 300_000);
});

describe("collections", () => {
  test("are made by a write, listed, and dropped", async () => {
    const rows = database.collection();
    const names = async (): Promise<string[]> =>
      (await database.db.listCollections({ name: rows.collectionName }, { nameOnly: true }).toArray()).map(
        ({ name }) => name,
      );
    expect(await names()).toEqual([]);
    expect(await rows.find().toArray()).toEqual([]);
    await rows.insertOne({ _id: 1 });
    expect(await names()).toEqual([rows.collectionName]);
    expect((await serverError(database.db.createCollection(rows.collectionName))).code).toBe(48);
    await rows.drop();
    expect(await names()).toEqual([]);
    await database.db.createCollection(rows.collectionName);
    expect(await names()).toEqual([rows.collectionName]);
    const { databases } = await database.client.db("admin").admin().listDatabases();
    expect(databases.map(({ name }) => name)).toContain(database.db.databaseName);
  });
});
