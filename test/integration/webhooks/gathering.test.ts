import { afterAll, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import { newDelivery } from "../../../src/spend/plan-batch.ts";
import { connectStore } from "../../../src/store/connect.ts";
import { ensureIndexes } from "../../../src/store/indexes.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";
import { gatherCharges } from "../../../src/webhooks/gather-charges.ts";
import { openTestStore } from "../../support/test-store.ts";

const newId = createIds();
const now = (): Date => new Date();
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const server = await openTestStore();
afterAll(() => server.close());

// Setup     an endpoint with more charges than one run puts together, before one with a few.
// Proves    the second has its turn in the same run; what is left of the first has it in the next.
test("an endpoint with a backlog of charges holds up no other", async () => {
  const store = connectStore({ url: server.url, database: newId("gathering"), appName: "test" });
  await ensureIndexes(store);
  const endpoint = (id: string) => ({
    ...newEndpoint({ id, url: "https://hooks.test/", secret: "sealed" }, now()),
    coalesce: { maxEvents: 2, maxSeconds: 60 },
  });
  const wait = (endpointId: string, count: number) => {
    const event = {
      customerId: "ada",
      type: "spend_tracked",
      deliveriesUntil: new Date(Date.now() + 1e6),
    } as const;
    const rows = Array.from({ length: count }, () =>
      newDelivery({ _id: newId("evt"), ...event }, { endpointId, state: "gathering", now: now() }),
    );
    return store.collections.deliveries.insertMany(rows);
  };
  await wait("busy", 60);
  await wait("quiet", 2);
  const endpoints = () => Promise.resolve([endpoint("busy"), endpoint("quiet")]);
  const planner = { keepDeliveriesMs: 1e6 };
  const run = () => gatherCharges({ store, endpoints, planner, newId, now, announce: () => {}, log });
  const left = (endpointId: string) =>
    store.collections.deliveries.countDocuments({ endpointId, state: "gathering" });

  await run();
  expect(await left("quiet")).toBe(0);
  expect(await left("busy")).toBe(20);
  await run();
  expect(await left("busy")).toBe(0);
  await store.db.dropDatabase();
  await store.close();
});
