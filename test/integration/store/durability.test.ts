import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Long, MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "./database.ts";
import type { Row } from "./database.ts";

const PROGRAM = fileURLToPath(new URL("../../../src/embedded/store-process.ts", import.meta.url));

let dataDir: string;
let running: ChildProcess[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "spendhook-store-"));
  running = [];
});

afterEach(async () => {
  for (const child of running) if (child.exitCode === null && child.signalCode === null) await kill(child);
  await rm(dataDir, { recursive: true, force: true });
});

function run(...options: string[]): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: ["pipe", "pipe", "pipe"] });
  running.push(child);
  return child;
}

async function start(...options: string[]): Promise<{ child: ChildProcess; url: string }> {
  const child = run("--data-dir", dataDir, ...options);
  if (child.stdout === null) throw new Error("the child has no output");
  for await (const line of createInterface(child.stdout)) {
    const { ready, url } = JSON.parse(line) as { ready: boolean; url: string };
    expect(ready).toBe(true);
    return { child, url };
  }
  throw new Error(`the store ended before it was ready: ${String(child.stderr?.read())}`);
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Writes from many sides until the server is gone; returns what was acknowledged. */
async function writeUntilGone(
  url: string,
  round: number,
  enough: () => void,
): Promise<{ ids: string[]; sum: number }> {
  const client = new MongoClient(url, { retryWrites: false, serverSelectionTimeoutMS: 5000 });
  const db = client.db("durability");
  const ids: string[] = [];
  let sum = 0;
  const writer = async (side: number): Promise<void> => {
    for (let n = 0; ; n++) {
      const _id = `${round}/${side}/${n}`;
      if (side % 3 === 0) {
        await client.withSession(async (session) => {
          session.startTransaction();
          await db.collection<Row>("rows").insertOne({ _id, tag: _id, round }, { session });
          await db
            .collection<Row>("totals")
            .updateOne({ _id: "sum" }, { $inc: { n: Long.ONE } }, { session, upsert: true });
          await session.commitTransaction();
        });
        sum++;
      } else {
        await db.collection<Row>("rows").insertOne({ _id, tag: _id, round });
      }
      ids.push(_id);
      if (ids.length === 150) enough();
    }
  };
  await Promise.allSettled(Array.from({ length: 16 }, (_, side) => writer(side)));
  await client.close();
  return { ids, sum };
}

describe("a store killed with SIGKILL under load", () => {
  test("has every acknowledged write, no half transaction, and indexes in step, round after round", async () => {
    const acknowledged: string[] = [];
    let sum = 0;
    for (let round = 0; round < 4; round++) {
      const { child, url } = await start();
      if (round === 0) {
        const client = new MongoClient(url);
        await client.db("durability").collection("rows").createIndex({ tag: 1 }, { unique: true });
        await client.db("durability").collection("rows").createIndex({ round: 1, _id: 1 });
        await client.close();
      }
      const result = await writeUntilGone(url, round, () => void child.kill("SIGKILL"));
      // Whoever still ends has its folder.
      if (child.exitCode === null && child.signalCode === null) await kill(child);
      acknowledged.push(...result.ids);
      sum += result.sum;
      const again = await start();
      await verify(again.url, acknowledged, sum);
      await kill(again.child);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(600);
  }, 300_000);

  async function verify(url: string, acknowledged: readonly string[], sum: number): Promise<void> {
    const client = new MongoClient(url, { promoteLongs: false });
    const rows = client.db("durability").collection<Row>("rows");
    const all = await rows.find().toArray();
    const ids = new Set(all.map(({ _id }) => _id));
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
    const byTag = await rows
      .find({ tag: { $gte: "" } })
      .sort({ tag: 1 })
      .toArray();
    expect(byTag.map(({ _id }) => String(_id))).toEqual([...ids].map(String).sort());
    expect(await rows.countDocuments({ round: { $gte: 0 } })).toBe(all.length);
    // Each transaction wrote a row of a side divisible by three and added one: both or neither.
    const inTransactions = all.filter(({ _id }) => Number(String(_id).split("/")[1]) % 3 === 0).length;
    const total = await client.db("durability").collection<Row>("totals").findOne({ _id: "sum" });
    expect((total?.["n"] as Long | undefined)?.toNumber() ?? 0).toBe(inTransactions);
    expect(inTransactions).toBeGreaterThanOrEqual(sum);
    await client.close();
  }

  test("answers a repeated write from its record after the restart", async () => {
    const first = await start();
    const client = new MongoClient(first.url);
    const session = client.startSession();
    const command = {
      update: "c",
      updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } }, upsert: true }],
      txnNumber: Long.ONE,
    };
    await client.db("d").command(command, { session });
    const { port } = new URL(first.url);
    await kill(first.child);
    await start("--port", port);
    await until(() =>
      client
        .db("d")
        .command({ ping: 1 })
        .then(
          () => true,
          () => false,
        ),
    );
    expect(await client.db("d").command(command, { session })).toMatchObject({ n: 1, ok: 1 });
    expect(await client.db("d").collection<Row>("c").findOne()).toEqual({ _id: 1, n: 1 });
    await session.endSession();
    await client.close();
  });
});

describe("the store process", () => {
  async function outcome(child: ChildProcess): Promise<{ code: number | null; err: string }> {
    let err = "";
    child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, err };
  }

  test("ends cleanly on SIGTERM", async () => {
    const { child } = await start();
    const ended = outcome(child);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(0);
  });

  test("ends when its parent's pipe closes, if asked to", async () => {
    const { child } = await start("--exit-with-parent");
    const ended = outcome(child);
    child.stdin?.end();
    expect((await ended).code).toBe(0);
  });

  test("says in one line why it cannot start", async () => {
    const first = await start();
    const { code, err } = await outcome(run("--data-dir", dataDir));
    expect(code).toBe(1);
    expect(err.trim().split("\n")).toEqual([expect.stringContaining("another store is running")]);
    await kill(first.child);
    expect((await outcome(run())).code).toBe(1);
  });

  test("explains itself", async () => {
    const child = run("--help");
    let out = "";
    child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
    expect((await outcome(child)).code).toBe(0);
    expect(out).toContain("--data-dir");
  });
});
