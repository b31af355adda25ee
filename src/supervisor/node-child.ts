import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Running } from "./keep-running.ts";

export interface NodeChildOptions {
  /** Absolute path of the entry file. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long it may take to end by itself. */
  readonly stopMs: number;
  /** Told at once of each process that is started. */
  readonly spawned?: (pid: number) => void;
  /** Resolves when the child is of use; default at once. */
  readonly ready?: (child: ChildProcess) => Promise<void>;
}

/**
 * Starts one of our own processes with this Node. Its log goes to our output; the IPC channel tells it
 * when we are gone. It gets a session of its own, so that Ctrl-C reaches it only through us: also the second one,
 * on which we end at once, and which tells it the same.
 */
export async function startNodeChild(options: NodeChildOptions): Promise<Running> {
  const child = spawn(process.execPath, [options.file, ...options.args], {
    env: options.env,
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  await once(child, "spawn");
  const tellAgain = (): void => void child.kill("SIGTERM");
  process.on("exit", tellAgain);
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      process.off("exit", tellAgain);
      resolve(code);
    });
  });
  const running = { pid: child.pid ?? 0, exited, stop: () => stopChild(child, exited, options.stopMs) };
  try {
    options.spawned?.(running.pid);
    await options.ready?.(child);
  } catch (error) {
    // Nobody would own it, and another one is started in its place.
    await running.stop();
    throw error;
  }
  return running;
}

/** SIGTERM, then SIGKILL when the time is over. */
export async function stopChild(
  child: ChildProcess,
  exited: Promise<unknown>,
  stopMs: number,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await exited;
  clearTimeout(timer);
}
