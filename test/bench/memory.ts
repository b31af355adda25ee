import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { FakeUpstream } from "../support/fake-upstream.ts";
import { Stack } from "../support/stack.ts";

/**
 * `node test/bench/memory.ts`: resident memory of the proxy in MiB when idle, at most in, and a minute after a
 * burst of large bodies, then one of many calls. Linux only.
 */
const SETTLED_MS = 15_000;
const LATER_MS = 60_000;
const BODIES = { count: 20, bytes: 18_000_000 };
const CALLS = 3000;

function rssMib(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
}

async function burst(pid: number, count: number, call: (user: string) => Promise<Response>) {
  let most = 0;
  const statuses: Record<string, number> = {};
  const watch = setInterval(() => (most = Math.max(most, rssMib(pid))), 20);
  const one = async (user: string): Promise<void> => {
    const answer = await call(user);
    await answer.text();
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  };
  await Promise.allSettled(Array.from({ length: count }, (_, at) => one(`customer-${at % 200}`)));
  clearInterval(watch);
  await delay(LATER_MS);
  return { most, later: rssMib(pid), statuses };
}

const upstream = await FakeUpstream.start();
const stack = await Stack.start({ config: { model_list: [upstream.deployment("m")] } });
try {
  const pid = await stack.pidOf("proxy");
  const say = (content: string) => (user: string) =>
    stack.chat({ model: "m", user, messages: [{ role: "user", content }] });
  await delay(SETTLED_MS);
  const idle = rssMib(pid);
  const bodies = await burst(pid, BODIES.count, say("All is well. ".repeat(BODIES.bytes / 13)));
  upstream.seen.length = 0;
  const many = await burst(pid, CALLS, say("Hi"));
  process.stdout.write(`${JSON.stringify({ idle, bodies, many }, null, 2)}\n`);
} finally {
  await stack.dispose();
  await upstream.close();
}
