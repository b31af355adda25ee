import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import { connectStore, type Store } from "../../../src/store/connect.ts";
import { ensureIndexes } from "../../../src/store/indexes.ts";
import type { DeliveryDoc, EndpointDoc } from "../../../src/store/webhook-documents.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";
import { webhookHealth } from "../../../src/webhooks/webhook-health.ts";
import { thisHour } from "../../support/day-and-hour.ts";
import { openTestStore } from "../../support/test-store.ts";

const newId = createIds();
const NOW = thisHour();
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;

beforeAll(async () => {
  server = await openTestStore();
  store = connectStore({ url: server.url, database: newId("health"), appName: "test" });
  await ensureIndexes(store);
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
  await server.close();
});
beforeEach(async () => {
  await store.collections.endpoints.deleteMany({});
  await store.collections.deliveries.deleteMany({});
});

const made = newEndpoint({ id: "ep_1", url: "https://hooks.test/", secret: "sealed" }, ago(9000));
async function put(...changes: Partial<EndpointDoc>[]): Promise<void> {
  await store.collections.endpoints.insertMany(changes.map((change) => ({ ...made, ...change })));
}

/** An event for the endpoint that has been due for so long. */
async function keepWaiting(endpointId: string, seconds: number): Promise<void> {
  const delivery: DeliveryDoc = {
    _id: newId("dlv"),
    eventId: newId("evt"),
    endpointId,
    customerId: "ada",
    type: "spend_tracked",
    state: "pending",
    dueAt: ago(seconds),
    attempts: [],
    lease: null,
    resends: 0,
    afterResends: null,
    batchId: null,
    createdAt: ago(seconds),
    finishedAt: null,
    expiresAt: ago(-86_400),
  };
  await store.collections.deliveries.insertOne(delivery);
}

test("a deleted endpoint is neither failing nor does anything wait for it", async () => {
  await put(
    { _id: "ep_live" },
    { _id: "ep_gone", deletedAt: ago(60) },
    { _id: "ep_off", state: "disabled", disabledReason: "410", deletedAt: ago(60) },
  );
  await keepWaiting("ep_live", 5);
  await keepWaiting("ep_gone", 5000);
  expect(await webhookHealth(store, NOW)).toEqual({ pending: 1, lag_seconds: 5, failing: [] });
});

const failing = { ...made.health, consecutiveFailures: 4, failingSince: ago(7200), lastFailureAt: ago(60) };
const open = { openUntil: ago(-600), opens: 5, closedAt: null };

test.each<[string, Partial<EndpointDoc>, RegExp]>([
  [
    "whose breaker is open",
    { breaker: open, health: failing },
    new RegExp(`^4 failed in a row since ${ago(7200).toISOString()}; events wait`),
  ],
  [
    "whose breaker waits for a try",
    { breaker: { ...open, openUntil: ago(1) }, health: failing },
    /events wait/,
  ],
  ["whose breaker opened before its failures were written down", { breaker: open }, /^its deliveries fail; /],
  [
    "that failed many times in a row",
    { health: { ...failing, consecutiveFailures: 10 } },
    /^10 failed in a row/,
  ],
  [
    "that asked for a pause",
    { pausedUntil: ago(-60) },
    new RegExp(`^it asked for a pause until ${ago(-60).toISOString()}`),
  ],
  ["that was switched off", { state: "disabled", disabledReason: "it answered 410" }, /^it answered 410$/],
])("an endpoint %s is failing", async (_, change, reason) => {
  await put(change);
  const health = await webhookHealth(store, NOW);
  expect(health.failing).toEqual([
    { id: "ep_1", url: "https://hooks.test/", reason: expect.stringMatching(reason) as unknown },
  ]);
});

test.each<[string, Partial<EndpointDoc>]>([
  ["that works", {}],
  ["that failed a few times", { health: { ...failing, consecutiveFailures: 9 } }],
  ["that an operator has paused, open breaker or not", { state: "paused", breaker: open, health: failing }],
  ["whose pause is over", { pausedUntil: ago(1) }],
])("an endpoint %s is not failing", async (_, change) => {
  await put(change);
  expect((await webhookHealth(store, NOW)).failing).toEqual([]);
});
