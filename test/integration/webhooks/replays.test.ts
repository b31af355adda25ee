import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import { connectStore, type Store } from "../../../src/store/connect.ts";
import type { EventDoc } from "../../../src/store/documents.ts";
import { ensureIndexes } from "../../../src/store/indexes.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";
import { type ReplayDeps, runReplays, startReplay } from "../../../src/webhooks/run-replays.ts";
import { openTestStore } from "../../support/test-store.ts";

const newId = createIds();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const now = (): Date => new Date();
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let deps: ReplayDeps;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());

beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("replays"), appName: "test" });
  await ensureIndexes(store);
  deps = { store, planner: { keepDeliveriesMs: 3_600_000 }, wake: async () => {}, log, now };
  return async () => {
    await store.db.dropDatabase();
    await store.close();
  };
});

/** So many events that no endpoint has been told of. */
async function events(count: number, customerId = "ada"): Promise<void> {
  const at = now();
  const deliveriesUntil = new Date(at.getTime() + 3_600_000);
  const common = { customerId, body: "{}", endpointIds: [], deliveriesUntil, createdAt: at };
  const rows = Array.from({ length: count }, () => ({ _id: newId("evt"), type: "price_missing", ...common }));
  await store.collections.events.insertMany(rows as EventDoc[]);
}

/** Asks for everything to be told to an endpoint of this name; the replay's id. */
async function replayTo(endpointId: string, of: { customerId?: string } = {}): Promise<string> {
  const endpoint = newEndpoint({ id: endpointId, url: "https://example.com", secret: "sealed" }, now());
  await store.collections.endpoints.insertOne(endpoint);
  const span = { from: new Date(0), to: now(), type: null, onlyMissing: false };
  const { customerId = null } = of;
  return (await startReplay({ store, newId, now }, "test", { endpointId, customerId, ...span }))._id;
}

const find = (id: string) => store.collections.replays.findOne({ _id: id });

// Setup     a replay of 1,000 events, and four processes that look after replays.
// Proves    they do not get in each other's way: what is counted is what was done, each event once.
test("several processes take a replay to its end together, and count each event once", async () => {
  await events(1000);
  const id = await replayTo("ep");
  await Promise.all([1, 2, 3, 4].map(() => runReplays(deps)));
  await runReplays(deps);
  expect(await find(id)).toMatchObject({ state: "done", matched: 1000, queued: 1000, leaseUntil: null });
  expect(await store.collections.deliveries.countDocuments({ state: "pending" })).toBe(1000);
});

test("a long replay does not hold up one that was asked for later", async () => {
  await events(5500);
  const long = await replayTo("first");
  await events(10);
  const short = await replayTo("second");
  await store.collections.replays.updateOne({ _id: short }, { $set: { from: now() } });
  await runReplays(deps);
  expect((await find(short))?.state).toBe("done");
  expect((await find(long))?.state).toBe("running");
});

test("a replay whose process died goes on when its time is over, where it stood", async () => {
  await events(10);
  const id = await replayTo("ep");
  const until = new Date(Date.now() + 30_000);
  await store.collections.replays.updateOne({ _id: id }, { $set: { leaseUntil: until } });
  await runReplays(deps);
  expect(await find(id)).toMatchObject({ state: "running", queued: 0 });
  await runReplays({ ...deps, now: () => until });
  expect(await find(id)).toMatchObject({ state: "done", queued: 10 });
});

// Setup     more events than can be counted while somebody waits, three of them of the customer that is asked for.
// Proves    a replay begins at once, gets on through what is not asked for, and in the end knows how many there were.
test("events of one customer are found among many others", async () => {
  await events(2, "bob");
  await events(11_000);
  await events(1, "bob");
  const all = await replayTo("all");
  await store.collections.endpoints.updateOne({ _id: "all" }, { $set: { customers: ["bob"] } });
  const bobs = await replayTo("bobs", { customerId: "bob" });
  expect((await find(all))?.matched).toBeNull();
  for (let run = 0; run < 3; run++) await runReplays(deps);
  expect(await find(bobs)).toMatchObject({ state: "done", matched: 3, queued: 3 });
  expect(await find(all)).toMatchObject({ state: "done", matched: 11_003, queued: 3 });
  expect(await store.collections.deliveries.countDocuments({ endpointId: "bobs" })).toBe(3);
});

test("a replay that fails is logged and holds up no other", async () => {
  await events(3);
  const bad = await replayTo("bad");
  const good = await replayTo("good");
  const { endpoints } = store.collections;
  const findOne = (filter: { _id: string }) =>
    filter._id === "bad" ? Promise.reject(new Error("broken")) : endpoints.findOne(filter);
  const broken = Object.assign(Object.create(endpoints) as typeof endpoints, { findOne });
  const flaky = { ...store, collections: { ...store.collections, endpoints: broken } };
  const warned: object[] = [];
  await runReplays({ ...deps, store: flaky, log: { ...log, warn: (fields) => warned.push(fields) } });
  expect((await find(good))?.state).toBe("done");
  expect(warned).toEqual([expect.objectContaining({ replayId: bad })]);
});
