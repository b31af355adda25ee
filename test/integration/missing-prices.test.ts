import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import { createMissingPriceTeller } from "../../src/webhooks/tell-missing-prices.ts";
import { thisHour } from "../support/day-and-hour.ts";
import { plainPlanner } from "../support/ledger-parts.ts";
import { openTestStore } from "../support/test-store.ts";
import { waitUntil } from "../support/wait-until.ts";

const newId = createIds();
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;
let today: Date;
let announced: string[];

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());
beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("prices"), appName: "test" });
  await ensureIndexes(store);
  today = thisHour();
  announced = [];
  return async () => {
    await store.db.dropDatabase();
    await store.close();
  };
});

/** One process. */
function open() {
  return createMissingPriceTeller({
    store,
    planner: plainPlanner((_customerId, type) => (type === "price_missing" ? ["a", "b"] : [])),
    now: () => today,
    announce: (deliveries) => announced.push(...deliveries.map(({ endpointId }) => endpointId)),
    log: quiet,
  });
}

const charge = (model: string) => ({ model, upstreamModel: `up-${model}`, deploymentId: "d" });

test("a model without a price is told once a day, by whichever process is first, to all who want it", async () => {
  const [one, two] = [open(), open()];
  one([charge("m"), charge("m"), charge("n")]);
  two([charge("m")]);
  one([charge("m")]);
  await waitUntil("both models", () => announced.length === 4);
  today = new Date(today.getTime() + 86_400_000);
  two([charge("m")]);
  await waitUntil("the next day", () => announced.length === 6);

  const events = await store.collections.events.find({ type: "price_missing" }).toArray();
  const models = events.map(({ body }) => (JSON.parse(body) as { model: string }).model);
  expect(models.toSorted()).toEqual(["m", "m", "n"]);
  expect(await store.collections.deliveries.countDocuments({ type: "price_missing" })).toBe(6);
});
