import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** CPU time of a process so far, user and system, in microseconds. Linux only. */
export function cpuMicros(pid: number): number {
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 of `man 5 proc_pid_stat`.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

/** Runs the work and gives, beside its result, the CPU time that each process spent meanwhile. */
export async function measureCpu<T, K extends string>(
  pids: Readonly<Record<K, number>>,
  work: () => Promise<T>,
): Promise<{ result: T; micros: Record<K, number> }> {
  const names = Object.keys(pids) as K[];
  const before = names.map((name) => cpuMicros(pids[name]));
  const result = await work();
  const spent = names.map((name, index) => [name, cpuMicros(pids[name]) - (before[index] ?? 0)] as const);
  return { result, micros: Object.fromEntries(spent) as Record<K, number> };
}
