import { MongoClientBulkWriteError } from "mongodb";
import type { AnyClientBulkWriteModel, ClientBulkWriteOptions, Document } from "mongodb";
import { expect, test } from "vitest";
import { serverError, useDatabase } from "./database.ts";
import type { Row } from "./database.ts";

const database = useDatabase();
type Model = AnyClientBulkWriteModel<Row>;
const bulkWrite = (models: readonly Model[], options: ClientBulkWriteOptions = {}) =>
  database.client.bulkWrite<Record<string, Row>>(models, options);

function twoCollections() {
  const [a, b] = [database.collection(), database.collection()];
  return { a, b, names: { a: a.namespace, b: b.namespace } };
}

async function bulkError(work: Promise<unknown>): Promise<MongoClientBulkWriteError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MongoClientBulkWriteError);
  return error as MongoClientBulkWriteError;
}

test("one command writes to several collections and counts what it did", async () => {
  const { a, b, names } = twoCollections();
  await a.insertMany([
    { _id: 1, n: 1 },
    { _id: 2, n: 1 },
  ]);
  await b.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3, old: true }, { _id: 4, old: true }]);
  const models: Model[] = [
    { namespace: names.a, name: "updateOne", filter: { _id: 1 }, update: { $inc: { n: 1 } } },
    { namespace: names.a, name: "updateMany", filter: {}, update: { $set: { seen: true } } },
    { namespace: names.b, name: "insertOne", document: { _id: 9 } },
    { namespace: names.a, name: "updateOne", filter: { _id: 8 }, update: { $inc: { n: 3 } }, upsert: true },
    { namespace: names.b, name: "deleteOne", filter: { _id: 1 } },
    { namespace: names.b, name: "deleteMany", filter: { old: true } },
    { namespace: names.b, name: "replaceOne", filter: { _id: 2 }, replacement: { x: 1 } },
  ];
  expect(await bulkWrite(models)).toMatchObject({
    insertedCount: 1,
    matchedCount: 4,
    modifiedCount: 4,
    upsertedCount: 1,
    deletedCount: 3,
  });
  expect(await a.find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: 1, n: 2, seen: true },
    { _id: 2, n: 1, seen: true },
    { _id: 8, n: 3 },
  ]);
  expect(await b.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 2, x: 1 }, { _id: 9 }]);
});

test("each operation's own result is told when it is asked for", async () => {
  const { names } = twoCollections();
  const result = await bulkWrite(
    [
      { namespace: names.a, name: "insertOne", document: { _id: "i" } },
      {
        namespace: names.b,
        name: "updateOne",
        filter: { _id: "u" },
        update: { $set: { n: 1 } },
        upsert: true,
      },
      { namespace: names.a, name: "deleteOne", filter: { _id: "i" } },
    ],
    { verboseResults: true },
  );
  expect(result.insertResults?.get(0)).toEqual({ insertedId: "i" });
  expect(result.updateResults?.get(1)).toMatchObject({ upsertedId: "u", didUpsert: true });
  expect(result.deleteResults?.get(2)).toEqual({ deletedCount: 1 });
});

test.each([true, false])("a taken key is told by its operation; ordered: %s", async (ordered) => {
  const { a, b, names } = twoCollections();
  await a.insertOne({ _id: 1 });
  const models: Model[] = [
    { namespace: names.b, name: "insertOne", document: { _id: 1 } },
    { namespace: names.a, name: "insertOne", document: { _id: 1 } },
    { namespace: names.b, name: "insertOne", document: { _id: 2 } },
  ];
  const error = await bulkError(bulkWrite(models, { ordered }));
  expect([...error.writeErrors].map(([index, { code }]) => [index, code])).toEqual([[1, 11_000]]);
  expect(await b.countDocuments()).toBe(ordered ? 1 : 2);
});

test("in a transaction nothing is written when one operation fails", async () => {
  const { a, b, names } = twoCollections();
  await a.insertOne({ _id: 1 });
  await b.insertOne({ _id: 0 });
  const models: Model[] = [
    { namespace: names.b, name: "insertOne", document: { _id: 1 } },
    { namespace: names.a, name: "insertOne", document: { _id: 1 } },
  ];
  await database.client.withSession(async (session) => {
    session.startTransaction();
    const error = await bulkError(bulkWrite(models, { session, ordered: false }));
    expect([...error.writeErrors.values()].map(({ code }) => code)).toEqual([11_000]);
    await session.abortTransaction();
  });
  expect(await b.countDocuments()).toBe(1);
  await database.client.withSession(async (session) => {
    session.startTransaction();
    await bulkWrite(models.slice(0, 1), { session });
    expect(await b.countDocuments()).toBe(1);
    await session.commitTransaction();
  });
  expect(await b.countDocuments()).toBe(2);
});

test("what is not one is refused", async () => {
  const { a, names } = twoCollections();
  const admin = database.client.db("admin");
  const insert = { insert: 0, document: { _id: 1 } };
  const nsInfo = [{ ns: names.a }];
  const refused = (body: Document) => serverError(admin.command({ bulkWrite: 1, ...body }));
  expect(await serverError(database.db.command({ bulkWrite: 1, ops: [insert], nsInfo }))).toMatchObject({
    codeName: "Unauthorized",
  });
  expect((await refused({ ops: [], nsInfo })).ok).toBe(0);
  for (const wrong of [
    { insert: 1, document: { _id: 2 } },
    { insert: 0 },
    { delete: 0, multi: true },
    { update: 0, updateMods: { $set: { n: 1 } } },
    { update: 0, filter: {}, updateMods: { $set: { n: 1 } }, multi: "yes" },
    { drop: 0 },
    { toString: 0 },
    { constructor: 0 },
  ]) {
    const { ok, codeName } = await refused({ ops: [insert, wrong], nsInfo });
    expect([ok, codeName]).not.toEqual([0, "InternalError"]);
    expect(ok).toBe(0);
  }
  // What came before it was not done, either.
  expect(await a.countDocuments()).toBe(0);
  expect((await refused({ ops: [insert], nsInfo: [{ ns: "nodatabase" }] })).codeName).toBe(
    "InvalidNamespace",
  );
});
