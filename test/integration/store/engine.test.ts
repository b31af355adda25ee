import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Document } from "bson";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode, encode } from "../../../src/embedded/store/bson-codec.ts";
import { Engine } from "../../../src/embedded/store/engine.ts";
import { Storage } from "../../../src/embedded/store/storage.ts";

let directory: string;
let storage: Storage;
let engine: Engine;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spendhook-store-"));
  storage = new Storage(directory);
  engine = new Engine(storage, () => {});
});

afterAll(async () => {
  engine.close();
  storage.close();
  await rm(directory, { recursive: true, force: true });
});

function submit(command: Document): Promise<Document> {
  const body = decode(encode(command));
  const name = Object.keys(body)[0] ?? "";
  return new Promise((resolve) => {
    engine.submit({ client: 1, database: "d", name, body, respond: (reply) => resolve(decode(reply)) });
  });
}

async function count(collection: string): Promise<number> {
  const { n } = (await submit({ count: collection })) as { n: { value: number } };
  return n.value;
}

describe("a full disk", () => {
  test("refuses writes, loses and invents none, and works again when there is room", async () => {
    const padding = "x".repeat(3_000);
    expect(await submit({ insert: "full", documents: [{ _id: 0 }] })).toMatchObject({ ok: { value: 1 } });
    const pages = Number(storage.writer.sql.get("PRAGMA page_count")?.["page_count"]);
    storage.writer.sql.get(`PRAGMA max_page_count = ${pages + 100}`);
    let acknowledged = 1;
    let refused = 0;
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 10 }, (_, n) => round * 10 + n + 1);
      const replies = await Promise.all(
        ids.map((_id) => submit({ insert: "full", documents: [{ _id, padding }] })),
      );
      const good = replies.filter((reply) => (reply["ok"] as { value: number }).value === 1).length;
      acknowledged += good;
      refused += replies.length - good;
    }
    expect(refused).toBeGreaterThan(0);
    expect(acknowledged).toBeGreaterThan(1);
    expect(await count("full")).toBe(acknowledged);
    storage.writer.sql.get("PRAGMA max_page_count = 1000000");
    await submit({ insert: "full", documents: [{ _id: "after", padding }] });
    expect(await count("full")).toBe(acknowledged + 1);
  });
});

describe("a command that fails in the middle", () => {
  test("leaves nothing of itself and does not touch its neighbours in the commit", async () => {
    const index = { createIndexes: "m", indexes: [{ key: { k: 1 }, name: "k_1", unique: true }] };
    const [first, failed, second] = await Promise.all([
      submit({
        insert: "m",
        documents: [
          { _id: 1, k: 1 },
          { _id: 2, k: 1 },
        ],
      }),
      submit(index),
      submit({ insert: "m", documents: [{ _id: 3 }] }),
    ]);
    expect([first["n"], second["n"]]).toMatchObject([{ value: 2 }, { value: 1 }]);
    expect(failed).toMatchObject({ ok: { value: 0 }, code: { value: 11000 } });
    expect(storage.committed.catalog.get("d.m")?.indexes).toEqual([]);
    expect(await count("m")).toBe(3);
  });
});
