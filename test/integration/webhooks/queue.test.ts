import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createDeliveryQueue, type DeliveryQueue } from "../../../src/queues/delivery-queue.ts";
import { runDeliveryWorker } from "../../../src/queues/delivery-worker.ts";
import { DELIVERIES_QUEUE, QUEUE_PREFIX } from "../../../src/queues/jobs.ts";
import { connectRedis } from "../../../src/queues/redis.ts";
import { createWorkerCount } from "../../../src/queues/worker-count.ts";
import { Gate } from "../../support/gate.ts";
import { openTestRedis } from "../../support/test-redis.ts";
import { waitUntil } from "../../support/wait-until.ts";

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let server: Awaited<ReturnType<typeof openTestRedis>>;
let redis: Redis;
let queue: DeliveryQueue;
/** The queue as anybody with Redis sees it. */
let raw: Queue;
let offered: [string, readonly string[]][];
let onOffer: () => unknown;

beforeAll(async () => {
  server = await openTestRedis();
});
afterAll(() => server.close());

beforeEach(async () => {
  redis = connectRedis(server.url, { failFast: false, log });
  queue = createDeliveryQueue(redis, log);
  raw = new Queue(DELIVERIES_QUEUE, { connection: redis, prefix: QUEUE_PREFIX });
  await raw.obliterate({ force: true });
  offered = [];
  onOffer = () => {};
  return async () => {
    await queue.close();
    await raw.close();
    await redis.quit();
  };
});

async function withWorker(work: () => Promise<void>): Promise<void> {
  const worker = runDeliveryWorker({
    connection: redis,
    offer: (endpointId, ids) => {
      offered.push([endpointId, ids]);
      void onOffer();
    },
    log,
  });
  try {
    await work();
  } finally {
    await worker.close();
  }
}

test("new deliveries wake their endpoints' workers, at most fifty by one job, and Redis holds ids only", async () => {
  const ids = Array.from({ length: 120 }, (_, index) => `dlv_${index}_a`);
  queue.announce([...ids.map((_id) => ({ _id, endpointId: "a" })), { _id: "dlv_0_b", endpointId: "b" }]);
  const jobs = await waitUntil("the jobs", async () => {
    const found = await raw.getJobs(["wait"]);
    return found.length === 4 && found;
  });
  for (const { data } of jobs)
    expect(Object.keys(data as object)).toEqual(["v", "endpointId", "deliveryIds"]);
  await withWorker(async () => {
    await waitUntil("all to be offered", () => offered.flatMap(([, some]) => some).length === 121);
  });
  expect(
    offered
      .filter(([id]) => id === "a")
      .flatMap(([, some]) => some)
      .toSorted(),
  ).toEqual(ids.toSorted());
  expect(Math.max(...offered.map(([, some]) => some.length))).toBe(50);
  expect(await raw.getJobCountByTypes("wait", "active", "completed", "failed")).toBe(0);
});

test("an endpoint that waits to be woken is not woken twice, and can be woken again afterwards", async () => {
  for (let i = 0; i < 3; i++) await queue.wakeEndpoints(["a", "b"]);
  expect(await raw.getJobCountByTypes("wait")).toBe(2);
  await withWorker(async () => {
    await waitUntil("two wakes", () => offered.length === 2);
    await queue.wakeEndpoints(["a"]);
    await waitUntil("a third", () => offered.length === 3);
  });
  expect(offered.map(([id]) => id).toSorted()).toEqual(["a", "a", "b"]);
});

test("a wake that is asked for while one is being handled is handled after it", async () => {
  onOffer = async () => {
    if (offered.length === 1) await queue.wakeEndpoints(["a"]);
  };
  await queue.wakeEndpoints(["a"]);
  await withWorker(async () => {
    await waitUntil("the second wake", () => offered.length === 2);
  });
});

test("a retry wakes a worker when its time has come, once", async () => {
  const wake = { id: "dlv_1_a", endpointId: "a", attempts: 1, delayMs: 200 };
  await queue.wakeLater(wake);
  await queue.wakeLater(wake);
  expect(await raw.getJobCountByTypes("delayed")).toBe(1);
  await withWorker(async () => {
    await waitUntil("the retry", () => offered.length === 1);
    await queue.wakeLater({ ...wake, attempts: 2, delayMs: 0 });
    await waitUntil("the one after", () => offered.length === 2);
  });
  expect(offered).toEqual([
    ["a", ["dlv_1_a"]],
    ["a", ["dlv_1_a"]],
  ]);
});

// Setup     a worker's queue, whose Redis cannot be reached, or hangs.
// Proves    retries are not kept in memory for as long as that lasts, nor does anybody wait for them.
test("a retry is refused while Redis is away", async () => {
  const gate = await Gate.to(server.url, { shut: true });
  const away = connectRedis(gate.url, { failFast: false, log });
  const wakes = createDeliveryQueue(away, log);
  const wake = { id: "dlv_1_a", endpointId: "a", attempts: 1, delayMs: 200 };
  await expect(wakes.wakeLater(wake)).rejects.toThrow("Redis is away");
  gate.open();
  await waitUntil("Redis", () => away.status === "ready");
  await wakes.wakeLater(wake);

  gate.shut();
  const kept = Array.from({ length: 1000 }, (_, index) => wakes.wakeLater({ ...wake, attempts: 2 + index }));
  await expect(wakes.wakeLater({ ...wake, attempts: 2000 })).rejects.toThrow("Redis is away");
  gate.open();
  await Promise.all(kept);
  await wakes.wakeLater({ ...wake, attempts: 2000 });
  expect(await raw.getJobCountByTypes("delayed")).toBe(1002);
  away.disconnect();
  await gate.close();
});

test("a wake that failed does not stand in the way of the next", async () => {
  const deduplication = { id: "wake-a", keepLastIfActive: true };
  await raw.add("deliver", { nonsense: true }, { deduplication });
  await raw.add("deliver", { nonsense: true }, { jobId: "dlv_1_a-1-1" });
  await withWorker(async () => {
    await waitUntil("it to fail", async () => (await raw.getJobCountByTypes("wait", "active")) === 0);
    await queue.wakeEndpoints(["a"]);
    queue.announce([{ _id: "dlv_1_a", endpointId: "a" }]);
    await waitUntil("the next ones to be offered", () => offered.length === 2);
  });
});

test("workers count each other, and one that leaves no more", async () => {
  const [first, second] = [createWorkerCount(redis, "wrk_1"), createWorkerCount(redis, "wrk_2")];
  await first.beat();
  await second.beat();
  await first.beat();
  expect([first.count, second.count]).toEqual([2, 2]);
  await second.leave();
  await first.beat();
  expect(first.count).toBe(1);
});

// Setup     a Redis that answers nothing any more.
// Timeline  more deliveries are announced than a proxy keeps in mind; Redis goes on.
// Proves    memory has an end: what is left out is for the sweep.
test("while Redis hangs no more wake-ups pile up than a proxy can keep in mind", async () => {
  const gate = await Gate.to(server.url);
  const slow = connectRedis(gate.url, { failFast: true, log });
  const away = createDeliveryQueue(slow, log);
  await waitUntil("a connection", async () => (await slow.ping()) === "PONG");
  gate.shut();
  const many = Array.from({ length: 30_000 }, (_, index) => ({ _id: `dlv_${index}`, endpointId: "a" }));
  for (let from = 0; from < many.length; from += 100) away.announce(many.slice(from, from + 100));
  gate.open();
  const ids = await waitUntil("the jobs", async () => {
    const jobs = await raw.getJobs(["wait"]);
    const found = jobs.flatMap((job) => (job.data as { deliveryIds: string[] }).deliveryIds);
    return found.length >= 10_000 && found;
  });
  expect(ids.length).toBeLessThan(12_000);
  await away.close();
  slow.disconnect();
  await gate.close();
});
