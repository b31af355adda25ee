import { MongoClient, type MongoError } from "mongodb";
import { cpSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { startStore } from "../../../src/embedded/store/server.ts";
import { inTransaction } from "../../../src/store/in-transaction.ts";
import { SmallDisk } from "../../support/small-disk.ts";

interface Row {
  _id: number;
  text: string;
}

const FULL = { code: 14_031, codeName: "OutOfDiskSpace" };
const text = "t".repeat(20_000);

test("a store on a full disk refuses writes at once and by name, reads on, loses nothing, and goes on with room", async () => {
  using disk = new SmallDisk(16);
  const dataDir = path.join(disk.folder, "store");
  const store = await startStore({ dataDir });
  const client = new MongoClient(store.url);
  const rows = client.db("x").collection<Row>("rows");
  const kept: number[] = [];
  const insert = async (): Promise<void> => {
    const _id = kept.length;
    await rows.insertOne({ _id, text });
    kept.push(_id);
  };
  const insertInTransaction = (): Promise<unknown> =>
    inTransaction({ client }, async (session) => {
      await rows.insertOne({ _id: 1_000_000, text }, { session });
    });
  await insert();
  disk.fill();
  // Until the room that the store has taken already is used up.
  const fill = async (): Promise<unknown> => {
    for (;;) {
      try {
        await insert();
      } catch (error) {
        return error;
      }
    }
  };
  const failure = await fill();
  expect(failure).toMatchObject(FULL);
  expect((failure as MongoError).hasErrorLabel("RetryableWriteError")).toBe(false);
  // The driver would go on for two minutes, and we for half a one, with what may pass by itself.
  await expect(insertInTransaction()).rejects.toMatchObject(FULL);
  await expect(rows.bulkWrite([{ insertOne: { document: { _id: -1, text } } }])).rejects.toMatchObject(FULL);
  const [written, ...read] = await Promise.allSettled([
    rows.insertOne({ _id: -1, text }),
    rows.countDocuments(),
    rows.findOne({ _id: 0 }),
  ]);
  expect(written).toMatchObject({ status: "rejected", reason: FULL });
  expect(read).toMatchObject([
    { status: "fulfilled", value: kept.length },
    { status: "fulfilled", value: { _id: 0 } },
  ]);

  disk.free();
  await insert();
  await insertInTransaction();
  kept.push(1_000_000);
  await client.close();
  await store.close();
  const again = await startStore({ dataDir });
  const reader = new MongoClient(again.url);
  const found = await reader.db("x").collection<Row>("rows").find().sort({ _id: 1 }).toArray();
  expect(found.map(({ _id }) => _id)).toEqual(kept);
  await reader.close();
  await again.close();
});

test("a store that was killed starts on a full disk, and has what it had", async () => {
  using disk = new SmallDisk(16);
  const dataDir = path.join(disk.folder, "store");
  const killed = path.join(disk.folder, "killed");
  const store = await startStore({ dataDir });
  const client = new MongoClient(store.url);
  await client.db("x").collection<Row>("rows").insertOne({ _id: 1, text });
  cpSync(dataDir, killed, { recursive: true });
  await client.close();
  await store.close();
  disk.fill();
  const again = await startStore({ dataDir: killed });
  const reader = new MongoClient(again.url);
  expect(await reader.db("x").collection<Row>("rows").countDocuments()).toBe(1);
  await reader.close();
  await again.close();
});
