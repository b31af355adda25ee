import { Agent, get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

/** The longest of what was measured since it was asked before, in milliseconds. */
export interface Probed {
  readonly longestMs: number;
  readonly answers: number;
}

const APART_MS = 5;
const agent = new Agent({ keepAlive: true });
const url = new URL("/health/liveliness", String(workerData));
let probed: Probed = { longestMs: 0, answers: 0 };

// A thread of its own: what the attacker does must not delay the clock.
parentPort?.on("message", () => {
  parentPort?.postMessage(probed, []);
  probed = { longestMs: 0, answers: 0 };
});

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => response.resume().once("end", resolve)).once("error", reject);
  });
}

for (;;) {
  const startedAt = performance.now();
  await ask();
  const ms = performance.now() - startedAt;
  probed = { longestMs: Math.max(probed.longestMs, ms), answers: probed.answers + 1 };
  await delay(APART_MS);
}
