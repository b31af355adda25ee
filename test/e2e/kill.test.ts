import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { freePort, LOOPBACK } from "../../src/embedded/child.ts";
import { expectChargedOnce, expectDelivered, expectVerified } from "../support/accounts.ts";
import { Load } from "../support/load.ts";
import type { Receiver } from "../support/receiver.ts";
import { startScene } from "../support/scene.ts";
import type { Part, Stack } from "../support/stack.ts";
import { isRunning } from "../support/process-tree.ts";
import { waitUntil } from "../support/wait-until.ts";

const ROUNDS = 20;
const CLIENTS = 16;
const CUSTOMERS = Array.from({ length: 8 }, (_, index) => `customer-${index}`);
const LONG = { timeout: 600_000 };

let receiver: Receiver;
let stack: Stack;
let load: Load;

beforeEach(async () => {
  // A port of its own: whoever is started again must be found where it was.
  const scene = await startScene(["steady"], { env: { PORT: String(await freePort(LOOPBACK)) } });
  ({ receiver, stack } = scene);
  // A dead worker's claims lapse after the longest attempt that its endpoint allows: a short one is waited for less.
  const shorter = { method: "PATCH", body: JSON.stringify({ timeout_ms: 5000 }) };
  expect((await stack.fetch("/webhook/endpoints/default", shorter)).status).toBe(200);
  load = new Load(stack, { model: "steady", clients: CLIENTS, customers: CUSTOMERS });
  return async () => {
    await load.stop();
    await scene.dispose();
  };
});

/** Resolves when the clients have received so many more answers in full. */
async function more(calls: number): Promise<void> {
  const enough = load.paid.length + calls;
  await waitUntil(`${calls} more calls`, () => load.paid.length >= enough);
}

async function ready(): Promise<void> {
  await waitUntil("readiness", async () => (await stack.fetch("/health/readiness")).status === 200);
}

/** Nothing lost, nothing twice, all told, and a clean end. */
async function settle(): Promise<void> {
  await load.stop();
  await ready();
  const rows = await expectChargedOnce(stack, load.paid);
  await expectDelivered({ stack, receiver }, rows);
  await expectVerified(stack.dataDir);
  expect(await stack.stop()).toEqual({ code: 0, signal: null });
  await expectVerified(stack.dataDir);
}

// Setup     one service on one data folder; 16 clients that call without pause for 8 customers, every
//           third call streamed; each answer of the upstream has its own number of prompt tokens.
// Timeline  20 times: let the clients have some answers, a different number each time, kill -9 supervisor,
//           proxy, workers, store and redis at once, start again on the same data.
// Proves    what a client has received in full is charged once at its exact cost; no answer is charged
//           twice; every charge arrives, signed, numbered without gap; verify finds nothing.
test(
  "kill -9 of every process at once, 20 times, loses no answered call and charges none twice",
  LONG,
  async () => {
    for (let round = 1; round <= ROUNDS; round++) {
      load.start();
      await more(5 + ((round * 37) % 90));
      await stack.killAll();
      await load.stop();
      await stack.restart();
    }
    expect(load.paid.length).toBeGreaterThan(ROUNDS * CLIENTS);
    await settle();
  },
);

describe("kill -9 of one process under load", () => {
  // Setup     as above.
  // Timeline  answers flow; one process is killed; it comes back by itself; answers flow.
  // Proves    nobody has to do anything; only a proxy takes its own calls in flight with it.
  test.for<Part>(["webhooks", "maintenance", "store", "redis"])(
    "the %s comes back by itself, and no caller notices",
    LONG,
    async (part) => {
      load.start();
      await more(50);
      const killed = await stack.kill(part, "SIGKILL");
      await waitUntil(`another ${part}`, async () => (await stack.pidOf(part)) !== killed);
      await more(50);
      await ready();
      await more(50);

      expect(load.failures).toEqual([]);
      await settle();
    },
  );

  test("the proxy comes back by itself at the same address", LONG, async () => {
    load.start();
    await more(50);
    const killed = await stack.kill("proxy", "SIGKILL");
    await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
    await more(100);
    await settle();
  });

  test("the supervisor's children end when it is gone, and the next start takes over", LONG, async () => {
    load.start();
    await more(50);
    const children = stack.processes().slice(1);
    await stack.kill("supervisor", "SIGKILL");
    await stack.ended();
    await load.stop();
    await stack.restart();
    await waitUntil("the end of all that it had started", () => !children.some(({ pid }) => isRunning(pid)));
    load.start();
    await more(50);
    await settle();
  });
});

describe("a service that hangs: it accepts connections and answers nothing", () => {
  const spooled = (): string[] => {
    const folder = path.join(stack.dataDir, "spool");
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".charges.ndjson")) : [];
  };

  // Timeline  answers flow; the store hangs; answers flow on the disk's word alone; the store goes on.
  // Proves    a hanging store costs nobody an answer; what was spooled is in the ledger once, then gone
  //           from the disk.
  test(
    "calls are answered while the store hangs, and are all in the ledger once it goes on",
    LONG,
    async () => {
      load.start();
      await more(50);
      await stack.kill("store", "SIGSTOP");
      await waitUntil("spooled charges", () => spooled().length > 0);
      await more(100);
      expect((await stack.fetch("/health/readiness")).status).toBe(503);
      await stack.kill("store", "SIGCONT");
      await ready();
      await more(50);

      expect(load.failures).toEqual([]);
      await load.stop();
      await waitUntil("an empty spool", () => spooled().length === 0);
      await settle();
    },
  );

  // Timeline  as before, but instead of going on, everything is killed and started again.
  // Proves    a spooled charge is as durable as a committed one, and one that was in both is charged once.
  test("charges that wait on the disk survive kill -9 of everything", LONG, async () => {
    load.start();
    await more(50);
    await stack.kill("store", "SIGSTOP");
    await waitUntil("spooled charges", () => spooled().length > 0);
    await more(100);
    await stack.killAll();
    await load.stop();
    expect(spooled().length).toBeGreaterThan(0);
    await stack.restart();
    await waitUntil("an empty spool", () => spooled().length === 0);
    await settle();
  });

  // Timeline  answers flow; Redis hangs; answers flow; Redis goes on.
  // Proves    no call waits for the queue, and every event is told in the end.
  test("calls are answered while Redis hangs, and their events arrive once it goes on", LONG, async () => {
    load.start();
    await more(50);
    await stack.kill("redis", "SIGSTOP");
    await more(200);
    await stack.kill("redis", "SIGCONT");
    await ready();

    expect(load.failures).toEqual([]);
    await settle();
  });
});
