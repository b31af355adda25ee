import { setTimeout as delay } from "node:timers/promises";
import { callOnce } from "./call-once.ts";
import type { Part, Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";
import { isReady, startWorld, type World } from "./world.ts";

/** How long callers waited, in ms from the kill. */
export interface Recovery {
  readonly killed: string;
  /** First call of a customer without limits that began after the kill and was served. */
  readonly unlimitedMs: number;
  /** The same for a customer with a budget. */
  readonly limitedMs: number;
  readonly readyMs: number;
}

const PARTS: readonly Part[] = ["proxy", "store", "redis", "webhooks", "maintenance"];
const BETWEEN_MS = 5;

/** Kills each process with -9, and at last the supervisor with all, each when all is well; one proxy, no load. */
export async function measureRecovery(): Promise<Recovery[]> {
  const world = await startWorld();
  try {
    await world.second.stop();
    await endow(world);
    const found: Recovery[] = [];
    for (const part of PARTS) {
      found.push(
        await measure(world.stack, part, async () => void (await world.stack.kill(part, "SIGKILL"))),
      );
    }
    found.push(
      await measure(world.stack, "supervisor, started at once", async () => {
        await world.stack.kill("supervisor", "SIGKILL");
        startAtOnce(world.stack);
      }),
      await measure(world.stack, "everything, started at once", async () => {
        await world.stack.killAll();
        startAtOnce(world.stack);
      }),
    );
    return found;
  } finally {
    await world.dispose();
  }
}

/** Again and again, as a service manager does it, should a start fail. */
function startAtOnce(stack: Stack): void {
  stack.restart().catch(() => {
    if (stack.processes().length === 0) startAtOnce(stack);
  });
}

/** The customer with a budget can pay for all of it. */
async function endow({ stack }: World): Promise<void> {
  const body = JSON.stringify({ user_id: "hard-0", max_budget: 1000 });
  const headers = { "content-type": "application/json" };
  await stack.fetch("/customer/update", { method: "POST", headers, body });
}

async function measure(stack: Stack, killed: string, kill: () => Promise<void>): Promise<Recovery> {
  const { baseUrl } = stack;
  await waitUntil("all to be well before a kill", () => isReady(baseUrl));
  for (const customerId of ["free-0", "hard-0"]) await servedMs(baseUrl, customerId, 0);
  await kill();
  const at = performance.now();
  const [unlimitedMs, limitedMs, readyMs] = await Promise.all([
    servedMs(baseUrl, "free-0", at),
    servedMs(baseUrl, "hard-0", at),
    untilMs(at, () => isReady(baseUrl)),
  ]);
  return { killed, unlimitedMs, limitedMs, readyMs };
}

function servedMs(baseUrl: string, customerId: string, at: number): Promise<number> {
  const call = { customerId, model: "paid", way: "whole", maxTokens: 50, prompt: "How is it?" } as const;
  return untilMs(at, async () => (await callOnce(baseUrl, call)).status === 200);
}

/** From `at` until the condition has turned out to hold, which is asked again and again. */
async function untilMs(at: number, condition: () => Promise<boolean>): Promise<number> {
  while (!(await condition().catch(() => false))) await delay(BETWEEN_MS);
  return performance.now() - at;
}

export function recoveryTable(rows: readonly Recovery[]): string {
  const head = ["kill -9 of", "no limits", "budget", "ready"];
  const lines = rows.map(({ killed, unlimitedMs, limitedMs, readyMs }) => [
    killed,
    ...[unlimitedMs, limitedMs, readyMs].map((ms) => `${Math.round(ms)} ms`),
  ]);
  return [head, ...lines]
    .map(([first = "", ...rest]) => `${first.padEnd(30)}${rest.map((text) => text.padStart(12)).join("")}\n`)
    .join("");
}
