import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serialize } from "bson";
import { Binary, Long, MongoClient } from "mongodb";
import type { Db } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStore } from "../../../src/embedded/store/server.ts";
import type { RunningStore } from "../../../src/embedded/store/server.ts";
import { serverError, until } from "./database.ts";
import type { Row } from "./database.ts";
import { flagBytes, frame, message, openRawClient } from "./raw-client.ts";

let dataDir: string;
let store: RunningStore;
let client: MongoClient;
let db: Db;
const lines: [string, object | undefined][] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "spendhook-store-"));
  store = await startStore({ dataDir, log: (line, fields) => void lines.push([line, fields]) });
  client = new MongoClient(store.url);
  db = client.db("refusals");
  await db.collection<Row>("c").insertOne({ _id: 1, a: [1] });
});

afterAll(async () => {
  await client.close();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

describe("what is not supported is refused by name", () => {
  const find = (extra: object) => ({ find: "c", filter: {}, ...extra });
  const update = (u: object, extra: object = {}) => ({ update: "c", updates: [{ q: {}, u, ...extra }] });
  const aggregate = (...pipeline: object[]) => ({ aggregate: "c", pipeline, cursor: {} });
  const index = (extra: object) => ({
    createIndexes: "c",
    indexes: [{ key: { z: 1 }, name: "z_1", ...extra }],
  });

  test.each([
    ["mapReduce", { mapReduce: "c" }],
    ["renameCollection", { renameCollection: "a.b" }],
    ["collation", find({ collation: { locale: "en" } })],
    ["hint", find({ hint: { a: 1 } })],
    ["let", find({ let: {} })],
    ["tailable", find({ tailable: true })],
    ["nonsense", find({ nonsense: 1 })],
    ["$where", find({ filter: { $where: "1" } })],
    ["$near", find({ filter: { a: { $near: [1, 1] } } })],
    ["$slice", find({ projection: { a: { $slice: 1 } } })],
    ["$meta", find({ sort: { a: { $meta: "textScore" } } })],
    ["snapshot", find({ readConcern: { level: "snapshot" } })],
    ["$rename", update({ $rename: { a: "b" } })],
    ["$bit", update({ $bit: { a: { or: 1 } } })],
    ["pipeline", { update: "c", updates: [{ q: {}, u: [{ $set: { a: 1 } }] }] }],
    ["collation", update({ $set: { a: 1 } }, { collation: { locale: "en" } })],
    ["hint", update({ $set: { a: 1 } }, { hint: "a_1" })],
    ["hint", { delete: "c", deletes: [{ q: {}, limit: 1, hint: "a_1" }] }],
    ["$lookup", aggregate({ $lookup: { from: "d", localField: "a", foreignField: "a", as: "d" } })],
    ["$merge", aggregate({ $merge: "d" })],
    ["$changeStream", aggregate({ $changeStream: {} })],
    ["$function", aggregate({ $set: { a: { $function: {} } } })],
    ["$stdDevPop", aggregate({ $group: { _id: null, s: { $stdDevPop: "$a" } } })],
    ["$$USER_ROLES", aggregate({ $set: { a: "$$USER_ROLES" } })],
    ["collation", index({ collation: { locale: "en" } })],
    ["hidden", index({ hidden: true })],
    ["text", index({ key: { z: "text" } })],
    ["capped", { create: "d", capped: true, size: 100 }],
    ["validator", { create: "d", validator: {} }],
  ])("%s in %j", async (name, command) => {
    const error = await serverError(db.command(command));
    expect(error.code).toBe(238);
    expect(error.codeName).toBe("NotImplemented");
    expect(error.message).toContain(name);
  });

  test("and changes nothing, wherever in a batch it stands", async () => {
    const updates = [
      { q: { _id: 1 }, u: { $set: { b: 1 } } },
      { q: { _id: 1 }, u: { $rename: { a: "b" } } },
    ];
    expect((await serverError(db.command({ update: "c", updates }))).code).toBe(238);
    expect(await db.collection<Row>("c").findOne()).toEqual({ _id: 1, a: [1] });
  });

  test("as are a write concern that one node cannot satisfy and commands outside their place", async () => {
    expect(
      (await serverError(db.command({ insert: "c", documents: [{}], writeConcern: { w: 3 } }))).code,
    ).toBe(100);
    await client.withSession(async (session) => {
      session.startTransaction();
      expect((await serverError(db.command({ count: "c" }, { session }))).code).toBe(263);
      await session.abortTransaction();
    });
  });
});

describe("a transaction on the one writer", () => {
  test("that waits too long for another is told to start over", async () => {
    const rows = db.collection<Row>("waits");
    await rows.insertOne({ _id: 1 });
    const [first, second] = [client.startSession(), client.startSession()];
    first.startTransaction();
    await rows.updateOne({ _id: 1 }, { $set: { a: 1 } }, { session: first });
    second.startTransaction();
    const error = await serverError(rows.updateOne({ _id: 1 }, { $set: { a: 2 } }, { session: second }));
    expect(error.code).toBe(112);
    expect(error.hasErrorLabel("TransientTransactionError")).toBe(true);
    await first.commitTransaction();
    await Promise.all([first.endSession(), second.endSession()]);
    expect(await rows.findOne()).toEqual({ _id: 1, a: 1 });
  });

  test("that takes too long is ended, and what waited for it goes on", async () => {
    const rows = db.collection<Row>("slow");
    await rows.insertOne({ _id: 1, n: 0 });
    const session = client.startSession();
    session.startTransaction();
    await rows.updateOne({ _id: 1 }, { $inc: { n: 100 } }, { session });
    // Forgot its session: waits for the transaction it was meant to be part of.
    await rows.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    expect((await serverError(session.commitTransaction())).code).toBe(251);
    await session.endSession();
    expect(await rows.findOne()).toEqual({ _id: 1, n: 1 });
  }, 300_000);

  test("lets a waiting write give up at its own time limit", async () => {
    const rows = db.collection<Row>("impatient");
    await rows.insertOne({ _id: 1, n: 0 });
    const session = client.startSession();
    session.startTransaction();
    await rows.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session });
    const update = {
      update: "impatient",
      updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }],
      maxTimeMS: 50,
    };
    expect((await serverError(db.command(update))).code).toBe(50);
    await session.commitTransaction();
    await session.endSession();
    expect(await rows.findOne()).toEqual({ _id: 1, n: 1 });
  });
});

describe("a client that vanishes in a transaction", () => {
  test("does not hold up the others", async () => {
    const rows = db.collection<Row>("vanished");
    await rows.insertOne({ _id: 1, n: 0 });
    const raw = await openRawClient(store.url);
    const lsid = { id: new Binary(Buffer.alloc(16, 7), Binary.SUBTYPE_UUID) };
    const transaction = { lsid, txnNumber: Long.ONE, autocommit: false, startTransaction: true };
    const updates = [{ q: { _id: 1 }, u: { $inc: { n: 100 } } }];
    raw.send(message({ update: "vanished", updates, ...transaction, $db: "refusals" }));
    expect(await raw.reply()).toMatchObject({ ok: 1, n: 1 });
    const waiting = rows.updateOne({ _id: 1 }, { $inc: { n: 1 } });
    raw.socket.destroy();
    await waiting;
    expect(lines).toContainEqual(["store.transaction_aborted", { reason: "its client is gone" }]);
    expect(await rows.findOne()).toEqual({ _id: 1, n: 1 });
  });
});

describe("bytes that are no message", () => {
  const ping = { ping: 1, $db: "admin" };
  const document = serialize(ping);

  test.each([
    ["garbage", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a length of zero", Buffer.alloc(16)],
    ["a negative length", Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(12)])],
    ["a length beyond the limit", Buffer.concat([Buffer.from([0, 0, 0, 0x7f]), Buffer.alloc(12)])],
    ["an unknown opcode", frame(2012, [document])],
    ["an unknown section", frame(2013, [flagBytes(0), Buffer.of(9), document])],
    ["a checksum, which is not announced", message(ping, 1)],
    ["a body that is cut off", frame(2013, [flagBytes(0), Buffer.of(0), document.subarray(0, -4)])],
    [
      "a body that lies about its size",
      frame(2013, [flagBytes(0), Buffer.of(0), Buffer.from([0xff, 0xff, 0, 0, 0, 0, 0])]),
    ],
    ["no body", frame(2013, [flagBytes(0)])],
    ["no database", message({ find: "c" })],
    [
      "a sequence without a name",
      frame(2013, [flagBytes(0), Buffer.of(0), document, Buffer.of(1, 6, 0, 0, 0, 65, 65)]),
    ],
  ])("%s: close that connection and no other", async (_, bytes) => {
    const [bad, good] = await Promise.all([openRawClient(store.url), openRawClient(store.url)]);
    bad.send(bytes);
    await bad.closed;
    good.send(message(ping));
    expect(await good.reply()).toMatchObject({ ok: 1 });
    good.socket.destroy();
  });

  test("a message may come byte by byte, and several at once", async () => {
    const raw = await openRawClient(store.url);
    for (const byte of message(ping)) raw.send(Buffer.of(byte));
    expect(await raw.reply()).toMatchObject({ ok: 1 });
    raw.send(Buffer.concat([message(ping), message({ nonsense: 1, $db: "x" }), message(ping)]));
    expect([await raw.reply(), await raw.reply(), await raw.reply()]).toMatchObject([
      { ok: 1 },
      { ok: 0, code: 238 },
      { ok: 1 },
    ]);
    raw.socket.destroy();
  });

  test("an unacknowledged write is done and not answered", async () => {
    const raw = await openRawClient(store.url);
    raw.send(message({ insert: "silent", documents: [{ _id: 1 }], $db: "refusals" }, 2));
    raw.send(message(ping));
    expect(await raw.reply()).toEqual({ ok: 1 });
    await until(async () => (await db.collection("silent").countDocuments()) === 1);
    raw.socket.destroy();
  });
});

describe("starting", () => {
  test("a second server on the directory is refused, and so is another address than loopback", async () => {
    await expect(startStore({ dataDir })).rejects.toThrow("another store is running");
    await expect(startStore({ dataDir: `${dataDir}/x`, host: "0.0.0.0" })).rejects.toThrow("loopback");
  });

  test("works on a Unix socket, and finds what was stored when started again", async () => {
    const options = { dataDir: `${dataDir}/unix`, socketPath: join(dataDir, "s.sock") };
    for (const count of [1, 2]) {
      const running = await startStore(options);
      const local = new MongoClient(running.url);
      const rows = local.db("d").collection<Row>("c");
      await rows.createIndex({ k: 1 }, { unique: true });
      await rows.insertOne({ _id: count, k: count });
      expect(await rows.countDocuments({ k: { $gte: 1 } })).toBe(count);
      await local.close();
      await running.close();
    }
  });
});
