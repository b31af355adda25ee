import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
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

test("who only looks begins nothing", async () => {
  await expect(startAndStop({ existing: true })).rejects.toThrow(DataLostError);
});
