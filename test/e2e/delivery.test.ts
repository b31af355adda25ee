import { Redis } from "ioredis";
import { beforeEach, expect, test } from "vitest";
import { expectChargedOnce, expectDelivered, expectVerified } from "../support/accounts.ts";
import { countDeliveries } from "../support/ledger-rows.ts";
import { type Paid, payingCall } from "../support/load.ts";
import type { Receiver } from "../support/receiver.ts";
import { startScene } from "../support/scene.ts";
import type { Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

let receiver: Receiver;
let stack: Stack;

beforeEach(async () => {
  // Whoever keeps failing is left alone for a moment only, so that a test need not wait for half a minute.
  const webhookSettings = { breaker_seconds: 1 };
  const scene = await startScene(["steady"], { generalSettings: { webhook_settings: webhookSettings } });
  ({ receiver, stack } = scene);
  return scene.dispose;
});

/** So many calls, one after the other, by one customer. */
async function pay(customerId: string, calls: number): Promise<Paid[]> {
  const paid: Paid[] = [];
  for (let call = 0; call < calls; call++) {
    paid.push(await payingCall(stack, { model: "steady", customerId, stream: call % 2 === 0 }));
  }
  return paid;
}

async function deliveries(filter: object, count: number): Promise<void> {
  await waitUntil(
    `${count} deliveries like ${JSON.stringify(filter)}`,
    async () => (await countDeliveries(stack.mongodbUrl, filter)) === count,
  );
}

async function flushRedis(): Promise<void> {
  const redis = new Redis(stack.redisUrl);
  await redis.flushall();
  redis.disconnect();
}

async function shown<T>(path: string): Promise<T> {
  return (await (await stack.fetch(path)).json()) as T;
}

interface Shown {
  state: string;
  disabled_reason: string | null;
  stats: { pending: number; parked: number; breaker: string };
}

// Setup     a receiver that is down.
// Timeline  40 calls; the first attempts are refused, and its breaker opens; the receiver comes up.
// Proves    calls do not depend on the receiver; what the breaker holds back uses no attempt; every event
//           arrives once the receiver is back.
test("events wait for a receiver that is down and arrive when it is up again", async () => {
  await receiver.close();
  const paid = await pay("ada", 20);
  await waitUntil("the breaker to open", async () => {
    return (await shown<Shown>("/webhook/endpoints/default")).stats.breaker === "open";
  });
  paid.push(...(await pay("ada", 20)));
  await receiver.open();

  await expectDelivered({ stack, receiver }, await expectChargedOnce(stack, paid));
  const numbers = receiver.accepted.map(({ headers }) => headers["webhook-attempt"]);
  expect(numbers).toContain("2");
  expect(numbers).toContain("1");
  expect(await shown<Shown>("/webhook/endpoints/default")).toMatchObject({ stats: { pending: 0 } });
  await expectVerified(stack.dataDir);
});

// Setup     10 events that wait for their second attempt, and 10 that no worker has looked at, because it
//           is stopped.
// Timeline  FLUSHALL: Redis has forgotten all of them; the worker goes on.
// Proves    the sweep finds both kinds in the store.
test("a wiped Redis loses no event, neither a new one nor one that waits for its retry", async () => {
  receiver.reply = (_received, response) => {
    response.writeHead(503).end();
  };
  const refused = await pay("ada", 10);
  await waitUntil("the first refusals", () => receiver.attempts.length >= 10);
  await stack.kill("webhooks", "SIGSTOP");
  const unseen = await pay("bob", 10);
  await deliveries({ state: "pending", attempts: [], lease: null }, 10);
  receiver.reply = (_received, response) => {
    response.writeHead(200).end("thanks");
  };
  await flushRedis();
  await stack.kill("webhooks", "SIGCONT");

  const rows = await expectChargedOnce(stack, [...refused, ...unseen]);
  await expectDelivered({ stack, receiver }, rows);
  expect(receiver.accepted).toHaveLength(rows.length);
  await deliveries({ state: "delivered" }, rows.length);
});

test("a retry carries the same id and body, its own timestamp and signature, and the attempt's number", async () => {
  receiver.reply = ({ headers }, response) => {
    response.writeHead(headers["webhook-attempt"] === "1" ? 500 : 200).end();
  };
  await pay("ada", 1);
  await waitUntil("acceptance", () => receiver.accepted.length > 0);

  const [first, second] = receiver.attempts;
  expect(receiver.attempts).toHaveLength(2);
  expect(second?.id).toBe(first?.id);
  expect(second?.body).toBe(first?.body);
  expect(first?.headers["webhook-attempt"]).toBe("1");
  expect(second?.headers["webhook-attempt"]).toBe("2");
  expect(Number(second?.headers["webhook-timestamp"])).toBeGreaterThan(
    Number(first?.headers["webhook-timestamp"]),
  );
  expect(second?.headers["webhook-signature"]).not.toBe(first?.headers["webhook-signature"]);
  expect(first?.headers["content-type"]).toBe("application/json");
  expect(first?.headers["user-agent"]).toMatch(/^spendhook\//);
});

// Setup     a receiver that never answers one customer's first attempt and hangs up on another's.
// Timeline  both customers call; then a third one calls 50 times.
// Proves    the third one's events arrive while the first still hangs, and the first two in the end.
test("an event that hangs holds up no other, and arrives at its next attempt", async () => {
  const shorter = { method: "PATCH", body: JSON.stringify({ timeout_ms: 5000 }) };
  expect((await stack.fetch("/webhook/endpoints/default", shorter)).status).toBe(200);
  const hanging: { writableEnded: boolean }[] = [];
  receiver.reply = ({ customerId, headers }, response) => {
    const isFirst = headers["webhook-attempt"] === "1";
    if (isFirst && customerId === "hangs") hanging.push(response);
    else if (isFirst && customerId === "hangs-up") response.destroy();
    else response.writeHead(204).end();
  };
  const paid = [...(await pay("hangs", 1)), ...(await pay("hangs-up", 1))];
  await waitUntil("the hanging attempt", () => hanging.length === 1);
  paid.push(...(await pay("other", 50)));
  await waitUntil("the other's events", () => receiver.sequencesOf("other").length === 50);
  expect(receiver.sequencesOf("hangs")).toEqual([]);

  await expectDelivered({ stack, receiver }, await expectChargedOnce(stack, paid));
  expect(receiver.attempts).toHaveLength(paid.length + 2);
});

test("410 disables the endpoint and keeps its events, which arrive when it is resumed", async () => {
  receiver.reply = (_received, response) => {
    response.writeHead(410).end();
  };
  const paid = await pay("ada", 1);
  const parked = async (count: number): Promise<void> => {
    await waitUntil(`${count} parked deliveries`, async () => {
      return (await shown<Shown>("/webhook/endpoints/default")).stats.parked === count;
    });
  };
  await parked(1);
  paid.push(...(await pay("ada", 4)));
  await parked(5);
  const list = await shown<{ data: unknown[] }>("/webhook/deliveries?state=parked&customer_id=ada");
  expect(list.data).toHaveLength(5);
  expect(await shown<Shown>("/webhook/endpoints/default")).toMatchObject({
    state: "disabled",
    disabled_reason: expect.stringContaining("410"),
  });
  expect(receiver.attempts).toHaveLength(1);

  receiver.reply = (_received, response) => {
    response.writeHead(204).end();
  };
  expect((await stack.fetch("/webhook/endpoints/default/resume", { method: "POST" })).status).toBe(200);
  await expectDelivered({ stack, receiver }, await expectChargedOnce(stack, paid));
});
