import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import { connectStore, type Store } from "../../../src/store/connect.ts";
import { ensureIndexes } from "../../../src/store/indexes.ts";
import type { EndpointHealthDoc } from "../../../src/store/webhook-documents.ts";
import { createHealthRecorder } from "../../../src/webhooks/endpoint-health.ts";
import { endpointHistory } from "../../../src/webhooks/endpoint-stats.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";
import { judge, reviewEndpoints } from "../../../src/webhooks/review-endpoints.ts";
import { thisHour } from "../../support/day-and-hour.ts";
import { openTestStore } from "../../support/test-store.ts";

const newId = createIds();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const HOUR = 3_600_000;
const FIVE_DAYS = 120 * HOUR;
const START = thisHour();
const after = (ms: number): Date => new Date(START.getTime() + ms);
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let now: Date;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());
beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("health"), appName: "test" });
  await ensureIndexes(store);
  now = START;
  const made = newEndpoint({ id: "ep_1", url: "https://hooks.test/", secret: "sealed" }, START);
  await store.collections.endpoints.insertOne(made);
  return async () => {
    await store.db.dropDatabase();
    await store.close();
  };
});

const health = async (): Promise<EndpointHealthDoc | undefined> =>
  (await store.collections.endpoints.findOne({ _id: "ep_1" }))?.health;
const recorder = () => createHealthRecorder(store, () => now);
const failed = { delivered: false, lagMs: 0 };
const delivered = (lagMs: number) => ({ delivered: true, lagMs });

test("failures add up from the first one on, over many writes and workers, until one success", async () => {
  const [one, other] = [recorder(), recorder()];
  for (let i = 0; i < 3; i++) one.add("ep_1", failed);
  await one.flush();
  now = after(1000);
  other.add("ep_1", failed);
  await other.flush();
  expect(await health()).toEqual({
    consecutiveFailures: 4,
    failingSince: START,
    lastSuccessAt: null,
    lastFailureAt: after(1000),
    warnings: 0,
  });
  now = after(2000);
  one.add("ep_1", failed);
  one.add("ep_1", delivered(5));
  now = after(3000);
  one.add("ep_1", failed);
  await one.flush();
  expect(await health()).toMatchObject({
    consecutiveFailures: 1,
    failingSince: after(3000),
    lastSuccessAt: after(2000),
    lastFailureAt: after(3000),
  });
});

test("hours tell how many attempts there were and how long events took", async () => {
  const one = recorder();
  for (const lagMs of [10, 20, 60]) one.add("ep_1", delivered(lagMs));
  // Sent again by hand: from its event to now it may be months.
  one.add("ep_1", { delivered: true, lagMs: null });
  one.add("ep_1", failed);
  await one.flush();
  await one.flush();
  now = after(HOUR);
  one.add("ep_1", failed);
  await one.flush();
  expect(await endpointHistory(store, "ep_1", { hours: 24, now })).toEqual([
    { hour: START.toISOString(), delivered: 4, failed: 1, lag_ms_average: 30, lag_ms_max: 60 },
    { hour: after(HOUR).toISOString(), delivered: 0, failed: 1, lag_ms_average: null, lag_ms_max: 0 },
  ]);
});

const failing = (hours: number, lastFailureHours: number, consecutiveFailures = 5): EndpointHealthDoc => ({
  consecutiveFailures,
  failingSince: after(-hours * HOUR),
  lastSuccessAt: null,
  lastFailureAt: after((lastFailureHours - hours) * HOUR),
  warnings: 0,
});

test.each<[string, EndpointHealthDoc, number, boolean]>([
  ["has not failed", { ...failing(0, 0), failingSince: null }, 0, false],
  ["has failed a few times just now", failing(0, 0, 9), 0, false],
  ["has failed ten times in a row", failing(0, 0, 10), 1, false],
  ["has failed for almost a day", failing(23.9, 23), 0, false],
  ["has failed for a day", failing(24, 24), 2, false],
  ["has failed for three days", failing(72, 72), 3, false],
  ["has failed for almost five days", failing(119.9, 119), 3, false],
  ["has failed for five days", failing(120, 120), 3, true],
  ["has failed five days ago and hardly since", failing(120, 11.9), 3, false],
  ["has failed five days ago and half a day later", failing(120, 12), 3, true],
])("an endpoint that %s", (_what, state, warnings, disable) => {
  expect(judge(state, FIVE_DAYS, START)).toEqual({ warnings, disable });
});

test("each warning is given once, however often and by how many it is reviewed", async () => {
  const warned = async (): Promise<number> =>
    store.collections.audit.countDocuments({ action: "endpoint.warn" });
  const review = (at: Date, disabled: string[] = []): Promise<void> =>
    reviewEndpoints({
      list: () => store.collections.endpoints.find().toArray(),
      store,
      newId,
      disable: (id) => Promise.resolve(void disabled.push(id)),
      disableAfterMs: FIVE_DAYS,
      log,
      now: () => at,
    });
  const set = (state: Partial<EndpointHealthDoc>) =>
    store.collections.endpoints.updateOne(
      { _id: "ep_1" },
      { $set: Object.fromEntries(Object.entries(state).map(([key, value]) => [`health.${key}`, value])) },
    );
  await set({ consecutiveFailures: 10, failingSince: START, lastFailureAt: START });
  await Promise.all([review(START), review(START), review(START)]);
  await review(after(HOUR));
  expect(await warned()).toBe(1);
  await review(after(24 * HOUR));
  await review(after(25 * HOUR));
  await review(after(72 * HOUR));
  expect(await warned()).toBe(3);
  const disabled: string[] = [];
  await set({ lastFailureAt: after(119 * HOUR) });
  await review(after(120 * HOUR), disabled);
  expect([disabled, await warned()]).toEqual([["ep_1"], 3]);
  await store.collections.endpoints.updateOne({ _id: "ep_1" }, { $set: { state: "paused" } });
  await review(after(130 * HOUR), disabled);
  expect(disabled).toEqual(["ep_1"]);
});

test("an hour that was counted before lags were counted apart tells its average all the same", async () => {
  const hour = { endpointId: "ep_1", hour: START, delivered: 4n, failed: 0n, lagMs: 80n, maxLagMs: 50n };
  const row = { _id: "old", ...hour, expiresAt: after(24 * HOUR) };
  await store.collections.endpointHours.insertOne(row);
  expect(await endpointHistory(store, "ep_1", { hours: 24, now })).toEqual([
    { hour: START.toISOString(), delivered: 4, failed: 0, lag_ms_average: 20, lag_ms_max: 50 },
  ]);
});

test("an endpoint that cannot be disabled just now holds up no other", async () => {
  const other = newEndpoint({ id: "ep_2", url: "https://hooks.test/", secret: "sealed" }, START);
  await store.collections.endpoints.insertOne(other);
  const over = { failingSince: after(-FIVE_DAYS), lastFailureAt: START, consecutiveFailures: 50 };
  const $set = Object.fromEntries(Object.entries(over).map(([key, value]) => [`health.${key}`, value]));
  await store.collections.endpoints.updateMany({}, { $set });
  const disabled: string[] = [];
  await reviewEndpoints({
    list: () => store.collections.endpoints.find().sort({ _id: 1 }).toArray(),
    store,
    newId,
    disable: (id) =>
      id === "ep_1" ? Promise.reject(new Error("conflict")) : Promise.resolve(void disabled.push(id)),
    disableAfterMs: FIVE_DAYS,
    log,
    now: () => START,
  });
  expect(disabled).toEqual(["ep_2"]);
});
