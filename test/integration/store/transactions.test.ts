import { Long, MongoClient } from "mongodb";
import type { ClientSession, Collection, Db } from "mongodb";
import { describe, expect, test } from "vitest";
import { serverError, until, useDatabase } from "./database.ts";
import type { Row } from "./database.ts";

const database = useDatabase();

/** A collection that exists, as MongoDB wants before a transaction uses it. */
async function existing(...documents: Row[]): Promise<Collection<Row>> {
  const rows = database.collection();
  await rows.insertOne({ _id: "anchor" });
  await rows.deleteOne({ _id: "anchor" });
  if (documents.length > 0) await rows.insertMany(documents);
  return rows;
}

function withSession<T>(run: (session: ClientSession) => Promise<T>): Promise<T> {
  return database.client.withSession(run);
}

describe("a transaction", () => {
  test("sees its own writes, and others see them only after the commit", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    await withSession(async (session) => {
      session.startTransaction();
      await rows.updateOne({ _id: 1 }, { $inc: { n: 5 } }, { session });
      await rows.insertOne({ _id: 2 }, { session });
      expect(await rows.find({}, { session }).sort({ _id: 1 }).toArray()).toEqual([
        { _id: 1, n: 5 },
        { _id: 2 },
      ]);
      expect(
        await rows.aggregate([{ $group: { _id: null, n: { $sum: "$n" } } }], { session }).toArray(),
      ).toEqual([{ _id: null, n: 5 }]);
      expect(await rows.find().toArray()).toEqual([{ _id: 1, n: 0 }]);
      expect(await rows.countDocuments()).toBe(1);
      await session.commitTransaction();
      expect(await rows.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 1, n: 5 }, { _id: 2 }]);
    });
  });

  test("that is aborted leaves nothing, not even in an index", async () => {
    const rows = await existing({ _id: 1, k: "a" });
    await rows.createIndex({ k: 1 }, { unique: true });
    await withSession(async (session) => {
      session.startTransaction();
      await rows.insertOne({ _id: 2, k: "b" }, { session });
      await rows.updateOne({ _id: 1 }, { $set: { k: "c" } }, { session });
      await session.abortTransaction();
    });
    expect(await rows.find().toArray()).toEqual([{ _id: 1, k: "a" }]);
    expect(await rows.countDocuments({ k: { $in: ["b", "c"] } })).toBe(0);
    await rows.insertOne({ _id: 3, k: "b" });
  });

  test("reads from one snapshot while others write", async () => {
    const rows = await existing({ _id: 1, n: 0 }, { _id: 2, n: 0 });
    await withSession(async (session) => {
      session.startTransaction({ readConcern: { level: "snapshot" } });
      const before = await rows.findOne({ _id: 1 }, { session });
      // A server with one writer lets this wait for the end of the transaction; MongoDB lets it through.
      const outside = rows.updateMany({}, { $inc: { n: 1 } });
      expect(await rows.findOne({ _id: 2 }, { session })).toEqual({ _id: 2, n: 0 });
      expect(await rows.findOne({ _id: 1 }, { session })).toEqual(before);
      await session.commitTransaction();
      await outside;
    });
    expect(await rows.countDocuments({ n: 1 })).toBe(2);
  });

  test("is ended by a duplicate key, which carries the key", async () => {
    const rows = await existing({ _id: 1 });
    await withSession(async (session) => {
      session.startTransaction();
      await rows.insertOne({ _id: 5 }, { session });
      const error = await serverError(rows.insertOne({ _id: 1 }, { session }));
      expect([error.code, error["keyPattern"], error["keyValue"]]).toEqual([11000, { _id: 1 }, { _id: 1 }]);
      const next = await serverError(rows.insertOne({ _id: 6 }, { session }));
      expect(next.code).toBe(251);
      expect(next.hasErrorLabel("TransientTransactionError")).toBe(true);
      await session.abortTransaction();
    });
    expect(await rows.find().toArray()).toEqual([{ _id: 1 }]);
  });

  test("is ended by a duplicate key in a bulk as well", async () => {
    const rows = await existing({ _id: 1 });
    const attempt = withSession((session) =>
      session.withTransaction(async () => {
        await rows.bulkWrite(
          [{ insertOne: { document: { _id: 7 } } }, { insertOne: { document: { _id: 1 } } }],
          { session },
        );
      }),
    );
    await expect(attempt).rejects.toMatchObject({ code: 11000 });
    expect(await rows.find().toArray()).toEqual([{ _id: 1 }]);
  });

  test("can be committed again when the answer was lost", async () => {
    const rows = await existing();
    await withSession(async (session) => {
      session.startTransaction();
      await rows.insertOne({ _id: 1 }, { session });
      await session.commitTransaction();
      await session.commitTransaction();
    });
    expect(await rows.countDocuments()).toBe(1);
  });

  test("hands out a cursor that reads on within it", async () => {
    const rows = await existing(...Array.from({ length: 50 }, (_, n) => ({ _id: n })));
    await withSession(async (session) => {
      await session.withTransaction(async () => {
        await rows.insertOne({ _id: 50 }, { session });
        expect(await rows.find({}, { session, batchSize: 7 }).toArray()).toHaveLength(51);
      });
    });
  });

  test("a number that is not known has no transaction to go on with", async () => {
    await withSession(async (session) => {
      const command = { find: "c", txnNumber: Long.fromNumber(99), autocommit: false };
      expect((await serverError(database.db.command(command, { session }))).code).toBe(251);
    });
  });
});

describe("concurrent transactions", () => {
  test("move money between accounts without making or losing any", async () => {
    const accounts = await existing(
      ...Array.from({ length: 8 }, (_, n) => ({ _id: n, balance: Long.fromNumber(100) })),
    );
    const transfer = (from: number, to: number): Promise<unknown> =>
      withSession((session) =>
        session.withTransaction(async () => {
          const source = await accounts.findOne({ _id: from }, { session });
          const balance = source?.["balance"] as Long;
          if (balance.lessThan(10)) return;
          await accounts.updateOne({ _id: from }, { $set: { balance: balance.subtract(10) } }, { session });
          await accounts.updateOne({ _id: to }, { $inc: { balance: Long.fromNumber(10) } }, { session });
        }),
      );
    await Promise.all(Array.from({ length: 60 }, (_, n) => transfer(n % 8, (n * 3 + 1) % 8)));
    const rows = await accounts.find().toArray();
    const total = rows.reduce((sum, row) => sum + (row["balance"] as Long).toNumber(), 0);
    expect(total).toBe(800);
    expect(rows.every((row) => (row["balance"] as Long).greaterThanOrEqual(0))).toBe(true);
  });

  test("that read and write one counter never lose an increment", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    await Promise.all(
      Array.from({ length: 40 }, () =>
        withSession((session) =>
          session.withTransaction(async () => {
            const row = await rows.findOne({ _id: 1 }, { session });
            await rows.updateOne({ _id: 1 }, { $set: { n: (row?.["n"] as number) + 1 } }, { session });
          }),
        ),
      ),
    );
    expect((await rows.findOne())?.["n"]).toBe(40);
  });

  test("and plain writes to the same document all count", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    const plain = Array.from({ length: 30 }, () => rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }));
    const inside = Array.from({ length: 30 }, () =>
      withSession((session) =>
        session.withTransaction(() => rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session })),
      ),
    );
    await Promise.all([...plain, ...inside]);
    expect((await rows.findOne())?.["n"]).toBe(60);
  });

  test("with one unique key: one wins, the others see the duplicate", async () => {
    const rows = await existing();
    await rows.createIndex({ k: 1 }, { unique: true });
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) =>
        withSession((session) =>
          session.withTransaction(() => rows.insertOne({ _id: n, k: "only" }, { session })),
        ),
      ),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const reasons = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason as { code: number }] : [],
    );
    expect(reasons.map(({ code }) => code)).toEqual(Array(9).fill(11000));
    expect(await rows.countDocuments()).toBe(1);
  });

  test("one that is left open by a client that goes away does not hold up the others", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    const leaver = new MongoClient(database.url, { maxPoolSize: 1 });
    const session = leaver.startSession();
    session.startTransaction();
    const theirs = leaver.db(database.db.databaseName).collection<Row>(rows.collectionName);
    await theirs.updateOne({ _id: 1 }, { $inc: { n: 100 } }, { session });
    await leaver.close();
    await rows.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    await until(async () => (await rows.findOne())?.["n"] === 1);
  });
});

/** A session whose numbers the driver has not used, from a client that ends with it. */
async function withFreshSession(run: (session: ClientSession, db: Db) => Promise<void>): Promise<void> {
  const client = new MongoClient(database.url);
  try {
    await client.withSession((session) => run(session, client.db(database.db.databaseName)));
  } finally {
    await client.close();
  }
}

describe("retryable writes", () => {
  test("sent twice with one number are done once and answered alike", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    await withFreshSession(async (session, db) => {
      const send = (number: number, n: number) => {
        const updates = [{ q: { _id: 1 }, u: { $inc: { n } } }];
        const command = { update: rows.collectionName, updates, txnNumber: Long.fromNumber(number) };
        return db.command(command, { session });
      };
      const [first, second] = [await send(1, 5), await send(1, 5)];
      expect([first["n"], second["n"], second["nModified"]]).toEqual([1, 1, 1]);
      expect((await rows.findOne())?.["n"]).toBe(5);
      await send(2, 1);
      expect((await rows.findOne())?.["n"]).toBe(6);
      expect((await serverError(send(1, 5))).code).toBe(225);
    });
  });

  test("findAndModify sent twice returns the same document", async () => {
    const rows = await existing({ _id: 1, n: 0 });
    await withFreshSession(async (session, db) => {
      const update = { query: { _id: 1 }, update: { $inc: { n: 1 } }, new: true, txnNumber: Long.ONE };
      const send = () => db.command({ findAndModify: rows.collectionName, ...update }, { session });
      const replies = [await send(), await send()];
      expect(replies.map((reply) => (reply["value"] as Row)["n"] as number)).toEqual([1, 1]);
    });
  });
});
