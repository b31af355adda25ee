import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import type { Charge } from "../../../src/spend/charge.ts";
import { Ledger } from "../../../src/spend/ledger.ts";
import { createLedgerStore } from "../../../src/spend/ledger-store.ts";
import { createSpool } from "../../../src/spend/spool.ts";
import { deliveryIdOf, newDelivery } from "../../../src/spend/plan-batch.ts";
import { connectStore, type Store } from "../../../src/store/connect.ts";
import { ensureIndexes } from "../../../src/store/indexes.ts";
import type { AttemptDoc, EndpointDoc } from "../../../src/store/webhook-documents.ts";
import { type Attempted, DeliveryAttempter } from "../../../src/webhooks/attempt-delivery.ts";
import {
  type ClaimedDelivery,
  createDeliveryStore,
  type DeliveryStore,
} from "../../../src/webhooks/delivery-store.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";
import { createPoster, type Poster } from "../../../src/webhooks/post-event.ts";
import { resendDelivery } from "../../../src/webhooks/resend-delivery.ts";
import { LEDGER_OPTIONS, plainPlanner } from "../../support/ledger-parts.ts";
import { answering, ProgrammableReceiver } from "../../support/programmable-receiver.ts";
import { newWebhookSecret } from "../../support/receiver.ts";
import { openTestStore } from "../../support/test-store.ts";
import { waitUntil } from "../../support/wait-until.ts";

const newId = createIds();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let deliveries: DeliveryStore;
let receiver: ProgrammableReceiver;
let poster: Poster;
let endpoint: EndpointDoc;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());

beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("claims"), appName: "test" });
  await ensureIndexes(store);
  deliveries = createDeliveryStore(store, newId);
  receiver = await ProgrammableReceiver.start(answering(204));
  poster = createPoster({ allowPrivate: true, allowCidrs: [] });
  const made = newEndpoint({ id: "ep_1", url: receiver.url(), secret: newWebhookSecret() }, new Date());
  endpoint = made;
  await store.collections.endpoints.insertOne(made);
  return async () => {
    poster.close();
    await receiver.close();
    await store.db.dropDatabase();
    await store.close();
  };
});

const LEASE_MS = 60_000;

/** An event with a delivery that is due; its id. */
async function due(): Promise<string> {
  const now = new Date();
  const _id = newId("evt");
  const deliveriesUntil = new Date(now.getTime() + 3_600_000);
  const common = { customerId: "", body: '{"n":1}', endpointIds: ["ep_1"], deliveriesUntil, createdAt: now };
  const event = { _id, type: "price_missing", ...common } as const;
  await store.collections.events.insertOne(event);
  const delivery = newDelivery(event, { endpointId: "ep_1", state: "pending", now });
  await store.collections.deliveries.insertOne(delivery);
  return delivery._id;
}

async function claim(id: string, leaseMs = LEASE_MS): Promise<ClaimedDelivery | undefined> {
  return (await deliveries.claim([id], leaseMs)).get(id);
}

const ATTEMPT: Omit<AttemptDoc, "number" | "startedAt"> = {
  durationMs: 1,
  outcome: "failed",
  code: "http_500",
  status: null,
  response: null,
  manual: false,
  headers: null,
  timing: null,
};

/** What a worker writes down that has had this answer. */
async function record(claimed: ClaimedDelivery | undefined, code: string): Promise<void> {
  if (claimed === undefined) throw new Error("It was not claimed");
  const { delivery, token } = claimed;
  const now = new Date();
  const attempt: AttemptDoc = {
    ...ATTEMPT,
    number: delivery.attempts.length + 1,
    startedAt: now,
    outcome: code === "delivered" ? "delivered" : "failed",
    code,
  };
  const after = { state: code === "delivered" ? ("delivered" as const) : ("pending" as const), dueAt: now };
  await deliveries.record([{ id: delivery._id, token, attempt, resends: delivery.resends, after, now }]);
}

const find = (id: string) => store.collections.deliveries.findOne({ _id: id });

async function history(id: string): Promise<[string | undefined, string[]]> {
  const row = await find(id);
  return [row?.state, row?.attempts.map(({ code }) => code) ?? []];
}

function attempter(on: Pick<DeliveryStore, "claim" | "record">, schedule = [0, 0, 0]): DeliveryAttempter {
  const box = { generate: newWebhookSecret, seal: (text: string) => text, open: (text: string) => text };
  return new DeliveryAttempter({
    deliveries: on,
    secrets: box,
    post: poster.post,
    schedule,
    userAgent: "spendhook/test",
    log,
    now: () => new Date(),
    random: () => 0.5,
  });
}

test("of many workers that want one delivery one gets it", async () => {
  const id = await due();
  const claims = await Promise.all(Array.from({ length: 20 }, () => claim(id)));
  expect(claims.filter((one) => one !== undefined)).toHaveLength(1);
});

test("what is not due, not pending or not there cannot be claimed, and the rest of the batch can", async () => {
  const [later, done, good] = [await due(), await due(), await due()];
  const { collections } = store;
  await collections.deliveries.updateOne({ _id: later }, { $set: { dueAt: new Date(Date.now() + 5000) } });
  await collections.deliveries.updateOne({ _id: done }, { $set: { state: "delivered" } });
  const claimed = await deliveries.claim([later, done, "dlv_none_ep_1", good, good], LEASE_MS);
  expect([...claimed.keys()]).toEqual([good]);
  expect(claimed.get(good)?.body).toBe('{"n":1}');
});

test("row 26: what a dead worker held is taken over when its lease has ended, and its attempt is told as unknown", async () => {
  const id = await due();
  expect(await claim(id, 1)).toBeDefined();
  const second = await waitUntil("the lease to end", () => claim(id));
  expect(second.delivery.attempts.map(({ outcome, code }) => [outcome, code])).toEqual([
    ["unknown", "worker_lost"],
  ]);
  await record(second, "delivered");
  expect(await history(id)).toEqual(["delivered", ["worker_lost", "delivered"]]);
});

test("rows 28 and 42: the late result of a worker that lost its lease changes nothing", async () => {
  const id = await due();
  const late = await claim(id, 1);
  const second = await waitUntil("the lease to end", () => claim(id));
  await record(late, "http_500");
  expect(await history(id)).toEqual(["pending", ["worker_lost"]]);
  await record(second, "delivered");
  await record(late, "http_500");
  expect(await history(id)).toEqual(["delivered", ["worker_lost", "delivered"]]);
});

test("a late result counts when nobody has taken over", async () => {
  const id = await due();
  const late = await claim(id, 1);
  await waitUntil("the lease to end", async () => ((await find(id))?.lease?.until ?? 0) < new Date());
  await record(late, "delivered");
  expect(await history(id)).toEqual(["delivered", ["delivered"]]);
});

test("row 30: a store that fails after the POST loses nothing: the event comes again, with the same id and bytes", async () => {
  const id = await due();
  let failures = 1;
  const flaky: Pick<DeliveryStore, "claim" | "record"> = {
    claim: (ids) => deliveries.claim(ids, LEASE_MS),
    record: (updates) =>
      failures-- > 0 ? Promise.reject(new Error("stepped down")) : deliveries.record(updates),
  };
  const worker = attempter(flaky);
  await expect(worker.attempt(id, endpoint)).rejects.toThrow("stepped down");
  const lapsed = { $set: { "lease.until": new Date(0) } };
  await store.collections.deliveries.updateOne({ _id: id }, lapsed);
  expect(await worker.attempt(id, endpoint)).toMatchObject({ kind: "tried", attempts: 2 });
  expect(await history(id)).toEqual(["delivered", ["worker_lost", "delivered"]]);
  const [first, second] = receiver.exchanges;
  expect(receiver.exchanges).toHaveLength(2);
  expect(second?.body).toBe(first?.body);
  expect(second?.headers.get("webhook-id")).toBe(first?.headers.get("webhook-id"));
});

test("row 31: an event that is booked twice, in parallel and again a day later, is delivered once", async () => {
  const ledgers = [1, 2, 3].map(
    () =>
      new Ledger({
        store: createLedgerStore(store, LEDGER_OPTIONS),
        spool: createSpool("/nonexistent", newId),
        planner: plainPlanner(() => ["ep_1"]),
        committed: () => {},
        spooled: () => {},
        unspooled: () => {},
        isPrepared: () => true,
        pingStore: () => store.ping(500),
        log,
        now: () => new Date(),
      }),
  );
  const usage = {
    promptTokens: 1,
    completionTokens: 1,
    totalTokens: 2,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
  const charge: Charge = {
    requestId: newId("req"),
    customerId: "ada",
    occurredAt: new Date(),
    costNano: 5n,
    rates: null,
    model: "m",
    deploymentId: "d",
    upstreamModel: "u",
    usage,
    estimated: false,
    keyHash: "k",
  };
  await Promise.all(ledgers.map((ledger) => ledger.commit(charge)));
  const tomorrow = new Date(Date.now() + 25 * 3_600_000);
  await ledgers[0]?.commit({ ...charge, occurredAt: tomorrow });
  const worker = attempter(deliveries);
  const ids = await deliveries.findDue("ep_1", 100);
  for (const id of [...ids, ...ids]) await worker.attempt(id, endpoint);
  expect(receiver.exchanges).toHaveLength(1);
});

test("the schedule's last failure exhausts a delivery; asked for again, it is sent, and stays exhausted when that fails", async () => {
  const id = await due();
  const worker = attempter(deliveries);
  receiver.script = answering(500);
  const nexts = [];
  for (let i = 0; i < 3; i++) nexts.push(nextOf(await worker.attempt(id, endpoint)));
  expect(nexts).toEqual(["retry", "retry", "exhausted"]);
  expect(await worker.attempt(id, endpoint)).toEqual({ kind: "skipped" });

  await resendDelivery(store, id, new Date());
  await worker.attempt(id, endpoint);
  expect(await find(id)).toMatchObject({ state: "exhausted", resends: 0, afterResends: null, lease: null });
  receiver.script = answering(204);
  await resendDelivery(store, id, new Date());
  await worker.attempt(id, endpoint);
  const row = await find(id);
  expect(row).toMatchObject({ state: "delivered", resends: 0, finishedAt: expect.any(Date) });
  expect(row?.attempts.map(({ manual, status }) => [manual, status])).toEqual([
    [false, 500],
    [false, 500],
    [false, 500],
    [true, 500],
    [true, 204],
  ]);
});

test("sends that people ask for do not count against the schedule, also when their worker dies", async () => {
  const id = await due();
  const worker = attempter(deliveries);
  receiver.script = answering(500);
  await worker.attempt(id, endpoint);
  for (let i = 0; i < 3; i++) {
    await resendDelivery(store, id, new Date());
    await claim(id, 1);
    await waitUntil("the next attempt", async () => (await worker.attempt(id, endpoint)).kind === "tried");
  }
  // Due again by its schedule: two scheduled tries are left.
  const nexts = [];
  for (let i = 0; i < 2; i++) nexts.push(nextOf(await worker.attempt(id, endpoint)));
  expect(nexts).toEqual(["retry", "exhausted"]);
});

test("secrets that cannot be opened are a failure with a name, and are tried again like others", async () => {
  const id = await due();
  const worker = new DeliveryAttempter({
    deliveries,
    secrets: {
      generate: newWebhookSecret,
      seal: (text) => text,
      open: () => {
        throw new Error("sealed with another key");
      },
    },
    post: poster.post,
    schedule: [0, 1000],
    userAgent: "spendhook/test",
    log,
    now: () => new Date(),
    random: () => 0.5,
  });
  expect(nextOf(await worker.attempt(id, endpoint))).toBe("retry");
  expect(await history(id)).toEqual(["pending", ["secrets_unreadable"]]);
  expect((await find(id))?.lease).toBeNull();
  expect(receiver.connections).toBe(0);
});

test("one delivery whose event is gone does not take its neighbours with it", async () => {
  const [orphan, good] = [await due(), await due()];
  const eventId = (await find(orphan))?.eventId ?? "";
  await store.collections.events.deleteOne({ _id: eventId });
  expect(deliveryIdOf(eventId, "ep_1")).toBe(orphan);
  const claimed = await deliveries.claim([orphan, good], LEASE_MS);
  expect([...claimed.keys()]).toEqual([good]);
  expect(await find(orphan)).toMatchObject({ state: "exhausted", lease: null, finishedAt: expect.any(Date) });
  expect(await history(orphan)).toEqual(["exhausted", ["event_missing"]]);
});

function nextOf(attempted: Attempted): string {
  return attempted.kind === "tried" ? attempted.verdict.next : attempted.kind;
}

// Timeline  a delivery that has been sent 120 times by hand; one attempt more.
// Proves    a delivery never outgrows a document: its latest hundred attempts are kept, numbered on.
test("the latest hundred attempts are kept, and the next is numbered after the last", async () => {
  const id = await due();
  const byHand = Array.from({ length: 120 }, () => ({ ...ATTEMPT, manual: true }));
  const numbered = byHand.map((attempt, index) => ({ ...attempt, number: index + 1, startedAt: new Date() }));
  await store.collections.deliveries.updateOne({ _id: id }, { $set: { attempts: numbered } });

  const tried = await attempter(deliveries).attempt(id, endpoint);

  expect(tried).toMatchObject({ kind: "tried", attempts: 121 });
  const numbers = (await find(id))?.attempts.map(({ number }) => number);
  expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => index + 22));
});
