import type { CommandStartedEvent, CommandSucceededEvent } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { customerActivity } from "../../src/customers/customer-activity.ts";
import { listCalls } from "../../src/customers/customer-calls.ts";
import { findCustomers } from "../../src/customers/find-customers.ts";
import { listAudit } from "../../src/customers/list-customers.ts";
import { type OverviewDeps, spendOverview } from "../../src/customers/spend-overview.ts";
import { createIds } from "../../src/lib/ids.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import type { DeliveryDoc } from "../../src/store/webhook-documents.ts";
import { newEndpoint } from "../../src/webhooks/endpoint-store.ts";
import { type DeliveryQuery, listDeliveries } from "../../src/webhooks/list-deliveries.ts";
import { webhookHealth } from "../../src/webhooks/webhook-health.ts";
import { openTestStore } from "../support/test-store.ts";

let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
const sent: CommandStartedEvent[] = [];
const answered: CommandSucceededEvent[] = [];

beforeAll(async () => {
  server = await openTestStore();
  store = connectStore({ url: server.url, database: createIds()("limits"), appName: "test" });
  Object.assign(store.client.options, { monitorCommands: true });
  store.client.on("commandStarted", (event) => sent.push(event));
  store.client.on("commandSucceeded", (event) => answered.push(event));
  await ensureIndexes(store);
  const endpoint = newEndpoint({ id: "ep_1", url: "https://hooks.test/", secret: "sealed" }, new Date());
  await store.collections.endpoints.insertOne(endpoint);
});
afterAll(async () => {
  await store.db.dropDatabase();
  await store.close();
  await server.close();
});

const page = { limit: 10, cursor: null };
const days = { from: "2026-11-01", to: "2026-11-30" };
const everybody = { search: null, budgetId: null, blocked: null };
const parked: DeliveryQuery = {
  endpointId: null,
  customerId: null,
  type: null,
  state: "parked",
  from: null,
  to: null,
  limit: 10,
  after: null,
};
const overviewDeps = (): OverviewDeps =>
  ({
    store,
    defaultBudgetId: null,
    now: () => new Date(),
    totals: () => Promise.resolve([]),
    refusals: () => Promise.resolve([]),
    webhookHealth: () => webhookHealth(store, new Date()),
  }) as Partial<OverviewDeps> as OverviewDeps;

test.each<[string, () => Promise<unknown>]>([
  ["deliveries", () => listDeliveries(store, parked)],
  [
    "customers",
    () =>
      findCustomers(
        { store, defaultBudgetId: null },
        { ...everybody, ...page, search: "a", sort: "spend", order: "desc" },
      ),
  ],
  ["calls of a customer", () => listCalls(store, "ada", page)],
  ["days of a customer", () => customerActivity(store, "ada", days)],
  ["changes", () => listAudit({ store }, { ...page, targetId: null })],
  ["the overview", () => spendOverview(overviewDeps(), days)],
])("each query of %s that may walk a collection has a limit in time", async (_, read) => {
  sent.length = 0;
  await read();
  const queries = sent.filter(({ commandName }) => /^(find|aggregate|count|distinct)$/.test(commandName));
  expect(queries).not.toEqual([]);
  // Documents that are named by their ids are looked up, however many others there are.
  const walking = queries.filter(({ command }) => command["filter"]?._id?.$in === undefined);
  expect(walking.map(({ command }) => command["maxTimeMS"] as unknown)).toEqual(walking.map(() => 5000));
});

test("a list of deliveries reads no text of their attempts, and shows the last one's code and number", async () => {
  const at = new Date();
  const headers = { timestamp: 1, signature: "v1,signed" };
  const timing = { dnsMs: 1, tcpMs: 2, tlsMs: 3, firstByteMs: 4, totalMs: 5 };
  const attempt = { startedAt: at, durationMs: 5, manual: false, headers, timing, response: "out for lunch" };
  const delivery: DeliveryDoc = {
    _id: "dlv_1",
    eventId: "evt_1",
    endpointId: "ep_1",
    customerId: "ada",
    type: "spend_tracked",
    state: "exhausted",
    dueAt: at,
    attempts: [
      { ...attempt, number: 41, outcome: "failed", code: "http_503", status: 503 },
      { ...attempt, number: 42, outcome: "failed", code: "http_500", status: 500 },
    ],
    lease: null,
    resends: 0,
    afterResends: null,
    batchId: null,
    createdAt: at,
    finishedAt: at,
    expiresAt: new Date(at.getTime() + 3_600_000),
  };
  await store.collections.deliveries.insertOne(delivery);
  answered.length = 0;
  const { data } = await listDeliveries(store, { ...parked, state: "exhausted" });
  expect(data).toEqual([expect.objectContaining({ id: "dlv_1", attempts: 42, last_code: "http_500" })]);
  const read = JSON.stringify(
    answered.map(({ reply }) => reply),
    (_, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
  expect(read).toContain("http_500");
  expect(read).not.toMatch(/out for lunch|v1,signed|firstByteMs/);
});
