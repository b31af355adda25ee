import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Embedded services are reachable from this machine only. */
export const LOOPBACK = "127.0.0.1";

const KEPT_LINES = 20;
const STOP_DEADLINE_MS = 10_000;
const POLL_MS = 25;

/** A running service of ours. `close` may be called at any time, any number of times. */
export interface EmbeddedServer {
  url: string;
  pid: number;
  process: ChildProcess;
  /** Asks the server to end, waits, and kills it after ten seconds. */
  close: () => Promise<void>;
}

/** Takes one line of a service's own output; the caller decides the level (debug) and the fields. */
export type LineLog = (line: string) => void;

/** A spawned program, with the end of its output at hand for an error message. */
export interface Child {
  process: ChildProcess;
  pid: number;
  hasExited: () => boolean;
  /** The last lines of output, for the message of an error. */
  tail: () => string;
  stop: () => Promise<void>;
}

/** What to spawn. `searchPath` replaces PATH, where the program is looked up. */
export interface LaunchOptions {
  commands: readonly string[];
  args: readonly string[];
  searchPath?: string | undefined;
  log?: LineLog | undefined;
}

/**
 * Spawns the first of the commands that exists; null when none does. The child leads its own session:
 * Ctrl-C in the terminal reaches only the supervisor, which drains its own processes before it stops
 * this one. A child outlives a parent that was killed until its `guard` ends it; `readRecord` is how that, and the
 * next start, find it.
 */
export async function launch(options: LaunchOptions): Promise<Child | null> {
  for (const command of options.commands) {
    const child = spawn(command, options.args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.searchPath === undefined ? {} : { env: { PATH: options.searchPath } }),
    });
    try {
      await once(child, "spawn");
    } catch (error) {
      if (isCode(error, "ENOENT")) continue;
      throw error;
    }
    return watch(child, options.log);
  }
  return null;
}

function watch(child: ChildProcess, log: LineLog = () => {}): Child {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        lines.push(line);
        if (lines.length > KEPT_LINES) lines.shift();
        log(line);
      }
    });
  }
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  return {
    process: child,
    pid: child.pid ?? 0,
    hasExited,
    tail: () => lines.join("\n"),
    async stop() {
      if (hasExited()) return;
      child.kill("SIGTERM");
      const deadline = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
      await exited;
      clearTimeout(deadline);
    },
  };
}

/** True if the error carries this system error code (`ENOENT`, `ECONNREFUSED`, …). */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** A port that was free a moment ago. Another process may take it first: be ready to ask again. */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

/** Polls until the condition holds; false when it still does not at the deadline. */
export async function holdsWithin(deadlineMs: number, condition: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** The folder of one service inside the data folder, made for this user only; absolute, links resolved. */
export async function serviceFolder(dataDir: string, name: string): Promise<string> {
  const folder = join(dataDir, name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return realpath(folder);
}

/** Which process serves a data folder, where it listens, and who started it. */
export interface ServiceRecord {
  pid: number;
  port: number;
  owner: number;
}

/** Reads the record that the last start left; null when there is none or it is not readable as one. */
export async function readRecord(file: string): Promise<ServiceRecord | null> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return "";
    throw error;
  });
  const [pid, port, owner] = text.split("\n").map(Number);
  // A kill -9 in the middle of writing leaves half a record. Zero and NaN are no process either.
  if (!pid || !port || !owner) return null;
  return { pid, port, owner };
}

/** Leaves a record as three lines: pid first, as in any pid file, then port, then the owner's pid. */
export async function writeRecord(file: string, record: ServiceRecord): Promise<void> {
  await writeFile(file, `${record.pid}\n${record.port}\n${record.owner}\n`, { mode: 0o600 });
}

/** Removes the record if it is still about this process: a later start may have written its own. */
export async function removeRecord(file: string, pid: number): Promise<void> {
  if ((await readRecord(file))?.pid === pid) await rm(file, { force: true });
}

/** Sends a signal; a process that has ended meanwhile needs none. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isCode(error, "ESRCH")) throw error;
  }
}

/** True while a process with this id runs, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !hasEnded(pid);
  } catch (error) {
    return isCode(error, "EPERM");
  }
}

/** A process that has ended keeps its id until its parent has asked how: for good, where that never does. */
function hasEnded(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // No such file on this system, or none any more: the signal had the word.
    return false;
  }
}

/** How to recognise and end the server that an earlier start left on a data folder. */
export interface Predecessor {
  name: string;
  record: ServiceRecord;
  /** Does the process at the recorded port serve our folder? Throws when it listens but will not say. */
  isOurs: () => Promise<boolean>;
  shutDown: () => Promise<unknown>;
  isGone: () => Promise<boolean>;
}

/** A drain and what follows it; a client that stays longer is none of ours. */
const CLIENTS_LEAVE_MS = 60_000;

/**
 * Waits until the server of this record has no clients any more, or for a minute. False when there is nothing left
 * to end: it is gone, or a later start has made its own record.
 */
export async function isLeft(
  recordFile: string,
  hasClients: (port: number) => Promise<boolean>,
): Promise<boolean> {
  const record = await readRecord(recordFile);
  if (record === null || isAlive(record.owner)) return false;
  await holdsWithin(CLIENTS_LEAVE_MS, async () => !isAlive(record.pid) || !(await hasClients(record.port)));
  const now = await readRecord(recordFile);
  return now?.pid === record.pid && now.owner === record.owner && isAlive(record.pid);
}

/**
 * Two servers must never write one folder. A server whose owner was killed is shut down here, so its
 * files are complete when this returns; one whose owner still runs is left alone and the start refused.
 */
export async function retire(previous: Predecessor, log: LineLog = () => {}): Promise<void> {
  const { name, record } = previous;
  if (!isAlive(record.pid) || !(await previous.isOurs())) return;
  if (record.owner !== process.pid && isAlive(record.owner)) {
    throw new Error(
      `${name} (process ${record.pid}) already serves this data folder for process ${record.owner}: ` +
        "stop that one first, or use another DATA_DIR",
    );
  }
  log(`shutting down ${name} (process ${record.pid}), left by process ${record.owner}`);
  await previous.shutDown();
  if (await holdsWithin(STOP_DEADLINE_MS, previous.isGone)) return;
  signalIfThere(record.pid, "SIGKILL");
  if (!(await holdsWithin(STOP_DEADLINE_MS, previous.isGone))) {
    throw new Error(`${name} (process ${record.pid}) could not be ended; its data folder is still in use`);
  }
}

/**
 * Waits until the server of this record has ended: one that has closed its port may still write for a while, and one
 * that hangs says nothing. Throws when it runs on. Its id alone does not count, which may be another program's by now.
 */
export async function requireEnded(recordFile: string, commands: readonly string[]): Promise<void> {
  const record = await readRecord(recordFile);
  if (record === null) return;
  const hasEndedNow = async (): Promise<boolean> => {
    if (!isAlive(record.pid)) return true;
    const { stdout } = spawnSync("ps", ["-o", "comm=", "-p", String(record.pid)], { encoding: "utf8" });
    return !commands.some((command) => (stdout ?? "").includes(command));
  };
  if (await holdsWithin(STOP_DEADLINE_MS, hasEndedNow)) return;
  throw new Error(`process ${record.pid} still runs on this data folder (${recordFile}); end it first`);
}
