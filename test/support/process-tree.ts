import { spawnSync } from "node:child_process";

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Every process of this machine that is not a zombie. */
export function listProcesses(): ProcessRow[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,stat=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined || state?.startsWith("Z") === true) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** The process itself and all that it started, directly or not. */
export function processTree(root: number): ProcessRow[] {
  const rows = listProcesses();
  const found = rows.filter((row) => row.pid === root);
  for (const { pid } of found) found.push(...rows.filter((row) => row.parent === pid));
  return found;
}

/** Sends a signal; a process that is gone already needs none. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** True while the process runs. */
export function isRunning(pid: number): boolean {
  return listProcesses().some((row) => row.pid === pid);
}
