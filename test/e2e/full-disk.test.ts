import { Redis } from "ioredis";
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import { RESERVE_BYTES } from "../../src/spend/spool-reserve.ts";
import { expectVerified } from "../support/accounts.ts";
import { readLedger } from "../support/ledger-rows.ts";
import { Load } from "../support/load.ts";
import { type Scene, type SceneOptions, startScene } from "../support/scene.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { runVerify } from "../support/stack.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const LONG = { timeout: 600_000 };
const CUSTOMERS = ["ada", "bob", "cyd"];

let disk: SmallDisk;
let scene: Scene;
let filling: NodeJS.Timeout | undefined;

beforeEach(() => {
  disk = new SmallDisk(96);
  return async () => {
    clearInterval(filling);
    await scene.dispose();
    disk[Symbol.dispose]();
  };
});

async function start(options: SceneOptions = {}): Promise<void> {
  scene = await startScene(["steady"], { ...options, dataDir: path.join(disk.folder, "data") });
}

/** From now on there is no room, also not for what anybody gives back: others write to this disk, too. */
function becomeFull(): void {
  disk.fill();
  filling = setInterval(() => disk.fill(), 10);
}

function becomeFree(): void {
  clearInterval(filling);
  disk.free();
}

interface Readiness {
  readonly spool: string;
  readonly spooled_charges: number;
}

async function readiness(): Promise<Readiness & { status: number }> {
  const answer = await scene.stack.fetch("/health/readiness");
  return { ...((await answer.json()) as Readiness), status: answer.status };
}

const chat = (user: string): Promise<Response> =>
  scene.stack.chat({ model: "steady", user, max_tokens: 100, messages: [{ role: "user", content: "Hi" }] });

/** What each customer owes: by the ledger, and by the upstream's own bill. */
async function expectBillsAgree(): Promise<void> {
  const rows = await readLedger(scene.stack.mongodbUrl);
  const charged = Map.groupBy(rows, ({ customerId }) => customerId);
  const bill = [...scene.upstream.bill].map(([user, { calls, nano }]) => ({ user, calls, nano }));
  expect(
    bill.map(({ user }) => ({
      user,
      calls: charged.get(user)?.length ?? 0,
      nano: (charged.get(user) ?? []).reduce((sum, row) => sum + row.costNano, 0n),
    })),
  ).toEqual(bill);
}

// Setup     the service on a disk of its own; clients that call without pause, for customers without limits.
// Timeline  answers flow; the disk becomes full, and stays so whoever gives room back; answers flow on the
//           reserve; calls are refused; the disk has room again; answers flow.
// Proves    every answer that the upstream has billed is in the ledger, no call is made that could not be
//           recorded, and nobody has to do anything.
test("a disk that becomes full under load costs nobody money", LONG, async () => {
  await start();
  const load = new Load(scene.stack, { model: "steady", clients: 16, customers: CUSTOMERS });
  load.start();
  await waitUntil("answers", () => load.paid.length >= 50);
  becomeFull();
  // As after a long while of this: little more than half of the reserve is left.
  truncateSync(path.join(scene.stack.dataDir, "spool", "reserve"), RESERVE_BYTES / 2 + 512 * 1024);
  await waitUntil("spooled charges", async () => (await readiness()).spooled_charges > 0);
  // A store without room says so at once: nothing may try for half a minute what nobody can do.
  const created = await scene.stack.fetch("/customer/new", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "new", alias: "a".repeat(200) }),
  });
  expect(created.status).toBe(503);
  expect(JSON.stringify(await created.json())).toContain("disk of the store is full");

  const full = await waitUntil(
    "refusals",
    async () => {
      const found = await readiness();
      return found.spool === "unavailable" && found;
    },
    240_000,
  );
  expect(full.status).toBe(503);
  await load.stop();
  const asked = scene.upstream.seen.length;
  const refused = await chat("ada");
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
  expect(refused.headers.get("x-should-retry")).toBe("true");
  expect(scene.upstream.seen.length).toBe(asked);
  expect(load.failures.filter((failure) => !failure.includes("503"))).toEqual([]);

  becomeFree();
  await waitUntil("readiness", async () => {
    const { status, spooled_charges: waiting } = await readiness();
    return status === 200 && waiting === 0;
  });
  load.start();
  const enough = load.paid.length + 50;
  await waitUntil("answers", () => load.paid.length >= enough);
  await load.stop();
  await waitUntil("an empty spool", async () => (await readiness()).spooled_charges === 0);
  await expectBillsAgree();
  await expectVerified(scene.stack.dataDir);
});

// Setup     as above, with a Redis elsewhere, and a customer with a budget.
// Timeline  the disk becomes full; the customer calls until the budget is used up, and all of it waits in the
//           spool; the proxy is killed and Redis is wiped; the proxy comes back, and the store knows nothing
//           of what was spent; the disk has room again.
// Proves    what waits counts from the first call on; it is told, and booked in the end.
test("what waits in the spool counts after the proxy was killed and redis was wiped", LONG, async () => {
  const redis = await openTestRedis();
  await start({ env: { REDIS_URL: redis.url } });
  const { stack, upstream } = scene;
  const budget = 0.00008;
  const made = await stack.fetch("/customer/new", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "ada", max_budget: budget }),
  });
  expect(made.status).toBe(200);
  upstream.on("steady", (exchange) => {
    const { max_tokens: limit, max_completion_tokens: lowered = limit } = exchange.body;
    return upstream.whole(exchange, { prompt: 1, completion: Number(lowered) });
  });
  becomeFull();
  const untilRefused = async (): Promise<number> => {
    for (let served = 0; ; served++) if ((await chat("ada")).status !== 200) return served;
  };
  expect(await untilRefused()).toBeGreaterThan(2);
  const spent = upstream.bill.get("ada")!;
  expect(spent.nano).toBeLessThanOrEqual(BigInt(Math.round(budget * 1e9)));

  const killed = await stack.kill("proxy", "SIGKILL");
  const wiper = new Redis(redis.url);
  await wiper.flushall();
  await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
  await waitUntil("a refusal by the budget", async () => {
    const answer = await chat("ada");
    // What it says is told where it is waited for in vain.
    if (answer.status !== 422) throw new Error(await answer.text());
    return true;
  });
  // A supervisor that cannot note what it has started has started it all the same.
  const proxies = stack.processes().filter(({ command }) => command.includes("src/main.ts"));
  expect(proxies).toHaveLength(1);
  expect(stack.output).not.toContain("supervisor.restart_failed");
  expect((await readiness()).spooled_charges).toBe(spent.calls);
  expect(await stack.customer("ada")).toMatchObject({ spend: 0, spooled_charges: spent.calls });
  // Wiped once more: every seed has it.
  await wiper.flushall();
  expect((await chat("ada")).status).toBe(422);
  expect(upstream.bill.get("ada")).toEqual(spent);

  becomeFree();
  await waitUntil("an empty spool", async () => (await readiness()).spooled_charges === 0);
  expect(await stack.customer("ada")).toMatchObject({ sequence: spent.calls, spooled_charges: 0 });
  await expectBillsAgree();
  await wiper.quit();
  await stack.stop();
  await expectVerified(stack.dataDir);
  await redis.close();

  const [name, words] = ["spool_torn.charges.ndjson", '{"v":1,"requestId":"req_1","cust'];
  writeFileSync(path.join(stack.dataDir, "spool", name), words);
  const { code, output } = await runVerify(stack.dataDir);
  expect(output).toContain(`${name}: 1 of its lines cannot be read`);
  expect(code).toBe(1);
});
