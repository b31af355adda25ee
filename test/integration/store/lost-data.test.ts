import { cpSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { MongoClient } from "mongodb";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { DataLostError } from "../../../src/embedded/in-use.ts";
import { startStore } from "../../../src/embedded/store/server.ts";

let dataDir: string;
let file: string;

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "spendhook-store-"));
  file = path.join(dataDir, "store.db");
  return () => rmSync(dataDir, { recursive: true, force: true });
});

async function startAndStop(options: { existing?: boolean } = {}): Promise<void> {
  const store = await startStore({ dataDir, ...options });
  await store.close();
}

test.each<[string, () => void]>([
  ["before its file was there", () => {}],
  ["before its file had anything", () => writeFileSync(file, "")],
])("a first start that was killed %s is simply done again", async (_, leave) => {
  leave();
  await startAndStop();
  await startAndStop();
});

test.each<[string, () => void]>([
  ["is empty", () => truncateSync(file)],
  ["is gone", () => rmSync(file)],
  ["is damaged", () => writeFileSync(file, "?".repeat(4096))],
])(
  "a file that %s after the first start is not begun anew, however often it is tried",
  async (said, lose) => {
    await startAndStop();
    lose();
    for (const options of [{}, {}, { existing: true }]) {
      const failure = await startAndStop(options).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DataLostError);
      expect(String(failure)).toContain(`${file} ${said}`);
    }
  },
);

test("what was written to a log whose store is gone is not thrown away", async () => {
  writeFileSync(path.join(dataDir, "store.db-wal"), "?".repeat(4096));
  await expect(startAndStop()).rejects.toThrow(DataLostError);
});

describe("a store that was killed", () => {
  /** What a kill leaves: the files as they are while it runs. */
  async function kill(write = true): Promise<void> {
    const killed = mkdtempSync(path.join(tmpdir(), "spendhook-store-"));
    const store = await startStore({ dataDir });
    // What may be sent again is noted, which is a write too.
    const client = new MongoClient(store.url, { retryWrites: write });
    const rows = client.db("x").collection("rows");
    if (write) await rows.insertOne({});
    else await rows.updateOne({ no: "such" }, { $set: { a: 1 } });
    await client.close();
    cpSync(dataDir, killed, { recursive: true });
    await store.close();
    rmSync(dataDir, { recursive: true });
    dataDir = killed;
    file = path.join(dataDir, "store.db");
  }

  test("starts with its log, and again after a stop without one", async () => {
    await kill();
    await startAndStop();
    await startAndStop();
    await startAndStop({ existing: true });
  });

  test.each<[string, () => void]>([
    ["is empty", () => truncateSync(`${file}-wal`)],
    ["is gone", () => rmSync(`${file}-wal`)],
  ])("does not go on without its log that %s, unless it is told to", async (said, lose) => {
    // What is in the file itself is still there.
    await startAndStop();
    await kill();
    lose();
    for (const options of [{}, {}, { existing: true }]) {
      const failure = await startAndStop(options).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DataLostError);
      expect(String(failure)).toContain(`${file}-wal ${said}`);
    }
    rmSync(path.join(dataDir, "store.open"));
    await startAndStop();
  });

  test("before it had written anything starts again", async () => {
    await startAndStop();
    await kill(false);
    expect(existsSync(path.join(dataDir, "store.open"))).toBe(false);
    await startAndStop();
  });

  test("and killed again is no loss, whatever was written before", async () => {
    await startAndStop();
    await kill();
    await kill();
    await startAndStop();
  });
});

test("who only looks begins nothing", async () => {
  await expect(startAndStop({ existing: true })).rejects.toThrow(DataLostError);
});
