import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type ProcessRecord, takeOver } from "../../src/supervisor/predecessor.ts";
import { waitUntil } from "../support/wait-until.ts";

let dataDir: string;
let file: string;
let child: ChildProcess;
let pid: number;
let failures: unknown[];
let record: ProcessRecord;

beforeEach(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), "spendhook-record-"));
  file = path.join(dataDir, "processes.json");
  failures = [];
  child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
  await once(child, "spawn");
  pid = child.pid ?? 0;
  record = await begin();
  return async () => {
    record.remove();
    await end();
    rmSync(dataDir, { recursive: true, force: true });
  };
});

function begin(): Promise<ProcessRecord> {
  const told = new AbortController().signal;
  const unwritten = (error: unknown): void => void failures.push(error);
  return takeOver({ dataDir, limitMs: 0, say: () => {}, unwritten, told });
}

async function end(): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

interface Recorded {
  readonly supervisor: { readonly pid: number };
  readonly children: Record<string, { readonly pid: number }>;
}
const read = (): Recorded => JSON.parse(readFileSync(file, "utf8")) as Recorded;

/** The record of another supervisor, which is the child. */
function writeOther(): string {
  record.note("proxy", pid);
  const other = JSON.stringify({ supervisor: read().children["proxy"], children: {} });
  writeFileSync(file, other);
  return other;
}

test("what cannot be noted is told once, stops nobody, and is noted later", async () => {
  // Nothing can be put in the place of a folder.
  mkdirSync(file);
  record.note("store", pid);
  record.note("proxy", pid);
  expect(failures).toHaveLength(1);
  expect(readdirSync(dataDir)).toEqual(["processes.json"]);

  rmdirSync(file);
  await waitUntil("the record", () => read().children);
  expect(read()).toMatchObject({
    supervisor: { pid: process.pid },
    children: { store: { pid }, proxy: { pid } },
  });
  expect(failures).toHaveLength(1);
  record.remove();
  expect(readdirSync(dataDir)).toEqual([]);
});

test("the record of another supervisor that runs is neither replaced nor removed", async () => {
  const other = writeOther();
  record.note("store", pid);
  expect(readFileSync(file, "utf8")).toBe(other);
  record.remove();
  expect(readFileSync(file, "utf8")).toBe(other);

  // Nor by a start that finds it running; once it has ended, what waited is written.
  const late = await begin();
  late.note("redis", pid);
  expect(readFileSync(file, "utf8")).toBe(other);
  await end();
  await waitUntil("our record", () => read().supervisor.pid === process.pid);
  expect(Object.keys(read().children)).toEqual(["redis"]);
  expect(failures).toEqual([]);
  late.remove();
  expect(readdirSync(dataDir)).toEqual([]);
});
