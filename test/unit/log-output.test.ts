import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createLogOutput } from "../../src/lib/log-output.ts";
import { waitUntil } from "../support/wait-until.ts";

test("lines are written in their order, what is left at the end too", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "log-"));
  const file = path.join(folder, "log");
  const fd = openSync(file, "a");
  try {
    const output = createLogOutput(fd);
    for (let line = 0; line < 1000; line++) output.write(`${line}\n`);
    await waitUntil("the lines", () => readFileSync(file, "utf8").split("\n").length === 1001);
    expect(readFileSync(file, "utf8")).toBe(Array.from({ length: 1000 }, (_, line) => `${line}\n`).join(""));
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});

test("a disk that is full costs log lines, and nothing else", async () => {
  // The kernel's own full disk: each write fails with ENOSPC.
  const fd = openSync("/dev/full", "w");
  const output = createLogOutput(fd);
  for (let line = 0; line < 1000; line++) output.write(`${line}\n`);
  await new Promise((resolve) => setImmediate(resolve));
  output.write("more\n");
  output.flush();
  closeSync(fd);
});
