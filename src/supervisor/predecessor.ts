import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { signalIfThere } from "../embedded/child.ts";

/** A process, told apart from a later one of the same id by when it was started. */
const identity = z.object({ pid: z.int().positive(), startedAt: z.string() });
const recorded = z.object({ supervisor: identity, children: z.record(z.string(), identity) });
type Identity = z.infer<typeof identity>;

/** The names under which the supervisor keeps its processes. The store ends only after the others. */
const STORE = "store";

const POLL_MS = 50;
const WRITE_AGAIN_MS = 1000;
/** An embedded store that nobody needs any more is told to end, and then made to. */
const STORE_ENDS_MS = 10_000;

/** Which processes run for a supervisor, for the one that follows should it be killed. */
export interface ProcessRecord {
  /**
   * Remembers a process, in place of an earlier one of its name. Never throws: what cannot be written now, on a full
   * disk or beside the record of another supervisor that runs, is written later.
   */
  readonly note: (name: string, pid: number) => void;
  /** When all of them have ended. The record of another supervisor stays. */
  readonly remove: () => void;
}

export interface TakeOver {
  readonly dataDir: string;
  /** How long the processes of an earlier supervisor may take to finish; then they are ended by force. */
  readonly limitMs: number;
  /** Hears, once for each process, what is waited for. */
  readonly say: (line: string) => void;
  /** Hears, once for each time it begins, that the record cannot be written. */
  readonly unwritten: (error: unknown) => void;
  readonly told: AbortSignal;
}

/**
 * Waits until what a killed supervisor has left on this data folder has finished its calls and ended, and begins a
 * record of our own. The processes of a supervisor that runs are left alone, with its record. Rejects when told to
 * stop meanwhile.
 */
export async function takeOver({ dataDir, limitMs, say, unwritten, told }: TakeOver): Promise<ProcessRecord> {
  const file = path.join(dataDir, "processes.json");
  const left = readRecord(file);
  if (left !== null && runs(left.supervisor)) return beginRecord(file, unwritten);
  const { [STORE]: store, ...others } = left?.children ?? {};
  const deadline = performance.now() + limitMs;
  for (const [name, child] of Object.entries(others)) {
    if (runs(child)) {
      say(`waiting for the ${name} process of an earlier start (process ${child.pid}) to finish its calls`);
    }
    await ends(child, Math.max(0, deadline - performance.now()), told);
  }
  if (store !== undefined && runs(store)) {
    signalIfThere(store.pid, "SIGTERM");
    await ends(store, STORE_ENDS_MS, told);
  }
  return beginRecord(file, unwritten);
}

function beginRecord(file: string, unwritten: TakeOver["unwritten"]): ProcessRecord {
  const children: Record<string, Identity> = {};
  const supervisor = { pid: process.pid, startedAt: startOf(process.pid) ?? "" };
  const draft = `${file}.${process.pid}`;
  let again: NodeJS.Timeout | undefined;
  let isTold = false;
  const isOurs = (found: Identity): boolean =>
    found.pid === supervisor.pid && found.startedAt === supervisor.startedAt;
  const write = (): void => {
    clearTimeout(again);
    const found = readRecord(file)?.supervisor;
    try {
      // One of two that started at once ends soon; the other one's word is then free to be written.
      if (found === undefined || isOurs(found) || !runs(found)) {
        // As a whole or not at all, whenever we are killed.
        writeFileSync(draft, JSON.stringify({ supervisor, children }), { mode: 0o600 });
        renameSync(draft, file);
        isTold = false;
        return;
      }
    } catch (error) {
      remove(draft);
      if (!isTold) unwritten(error);
      isTold = true;
    }
    again = setTimeout(write, WRITE_AGAIN_MS).unref();
  };
  return {
    note: (name, pid) => {
      children[name] = { pid, startedAt: startOf(pid) ?? "" };
      write();
    },
    remove: () => {
      clearTimeout(again);
      const found = readRecord(file)?.supervisor;
      if (found !== undefined && isOurs(found)) remove(file);
    },
  };
}

function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // A disk that takes no writes. It names processes that the next start finds ended.
  }
}

function readRecord(file: string): z.infer<typeof recorded> | null {
  try {
    return recorded.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    // There is none, or none of ours: nobody to wait for.
    return null;
  }
}

/** Resolves when the process has ended; ends it by force when the time is over. */
async function ends(child: Identity, limitMs: number, told: AbortSignal): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (let forced = false; runs(child);) {
    told.throwIfAborted();
    if (!forced && performance.now() > deadline) {
      signalIfThere(child.pid, "SIGKILL");
      forced = true;
    }
    await delay(POLL_MS);
  }
}

function runs({ pid, startedAt }: Identity): boolean {
  const known = startOf(pid);
  return known !== null && known === startedAt;
}

/** When the process with this id was started, in words that no later one of its id shares; null when there is none. */
function startOf(pid: number): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The second field is the program's name, in brackets, and may have any character in it.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return state === "Z" || state === "X" ? null : `${boot} ${fields[18] ?? ""}`;
  } catch (error) {
    if (process.platform === "linux" && (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    const { stdout } = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" });
    const [stat, ...started] = (stdout ?? "").trim().split(/\s+/);
    return stat === undefined || stat === "" || stat.startsWith("Z") ? null : started.join(" ");
  }
}
