import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import type { Charge } from "../../src/spend/charge.ts";
import { commitCharges } from "../../src/spend/commit-charges.ts";
import { NEW_ACCOUNT } from "../../src/spend/account.ts";
import { createLedgerStore, newCustomerFields } from "../../src/spend/ledger-store.ts";
import { verifyLedger } from "../../src/spend/verify-ledger.ts";
import { createVerifySource } from "../../src/spend/verify-store.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { ensureIndexes } from "../../src/store/indexes.ts";
import { LEDGER_OPTIONS, plainPlanner } from "../support/ledger-parts.ts";
import { openTestStore } from "../support/test-store.ts";

const newId = createIds();
let server: Awaited<ReturnType<typeof openTestStore>>;
let store: Store;

beforeAll(async () => {
  server = await openTestStore();
});
afterAll(() => server.close());

beforeEach(async () => {
  store = connectStore({ url: server.url, database: newId("verify"), appName: "test" });
  await ensureIndexes(store);
  await commit([charge("ada", 5n), charge("ada", 7n), charge("bob", 11n)]);
  return async () => {
    await store.db.dropDatabase();
    await store.close();
  };
});

function charge(customerId: string, costNano: bigint): Charge {
  const usage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };
  return {
    requestId: newId("req"),
    customerId,
    occurredAt: new Date("2026-11-24T10:00:00Z"),
    costNano,
    rates: null,
    model: "m",
    deploymentId: "d",
    upstreamModel: "u",
    usage: { ...usage, cachedTokens: 0, cacheWriteTokens: 0, reasoningTokens: 0 },
    estimated: false,
    keyHash: "k",
  };
}

async function commit(charges: Charge[]): Promise<void> {
  const deps = {
    store: createLedgerStore(store, LEDGER_OPTIONS),
    planner: plainPlanner(),
    committed: () => {},
    now: () => new Date(),
  };
  await commitCharges(deps, charges, performance.now() + 10_000);
}

async function differences(): Promise<readonly string[]> {
  return (await verifyLedger(createVerifySource(store))).differences;
}

test("a ledger that was only committed to shows no difference", async () => {
  expect(await verifyLedger(createVerifySource(store))).toEqual({
    customers: 2,
    charges: 3,
    totalNano: 23n,
    differences: [],
  });
});

test.each<[string, (s: Store) => Promise<unknown>, RegExp]>([
  [
    "a spend that is off by one nano-dollar",
    (s) => s.collections.customers.updateOne({ _id: "ada" }, { $inc: { spendNano: 1n } }),
    /"ada": spend is 0.000000013, the ledger says 0.000000012/,
  ],
  [
    "a lifetime spend that is off",
    (s) => s.collections.customers.updateOne({ _id: "ada" }, { $inc: { lifetimeSpendNano: -1n } }),
    /"ada": lifetime spend is 0.000000011/,
  ],
  [
    "a sequence that is off",
    (s) => s.collections.customers.updateOne({ _id: "bob" }, { $inc: { sequence: 1n } }),
    /"bob": sequence is 2, the ledger says 1/,
  ],
  [
    "a customer that is gone",
    (s) => s.collections.customers.deleteOne({ _id: "bob" }),
    /"bob": lifetime spend is missing/,
  ],
  [
    "a customer that no charge made",
    (s) => s.collections.customers.insertOne({ ...stranger, _id: "eve" }),
    /"eve": lifetime spend is 0.000000009, the ledger says 0/,
  ],
  [
    "a daily row that is off",
    (s) => s.collections.dailySpend.updateOne({ customerId: "ada" }, { $inc: { costNano: 1n } }),
    /"ada": daily row .* is 0.000000013 USD/,
  ],
  [
    "a daily row that is gone",
    (s) => s.collections.dailySpend.deleteOne({ customerId: "bob" }),
    /"bob": daily row .* is nothing/,
  ],
  [
    "a charge that is gone",
    (s) => s.collections.events.deleteOne({ customerId: "ada", sequence: 1n }),
    /"ada": the number of charge evt_\w+ is 2, the ledger says 1/,
  ],
  [
    "a delivery that is gone",
    (s) => s.collections.deliveries.deleteOne({ customerId: "bob" }),
    /event evt_\w+: it has no delivery to default/,
  ],
  [
    "a delivery without its event",
    (s) => s.collections.deliveries.updateOne({ customerId: "bob" }, { $set: { eventId: "evt_x" } }),
    /its event evt_x does not exist/,
  ],
])("names %s", async (_what, damage, expected) => {
  await damage(store);
  expect((await differences()).join("\n")).toMatch(expected);
});

const stranger = {
  ...NEW_ACCOUNT,
  ...newCustomerFields(new Date(0)),
  alerts: [],
  modelSpend: [],
  spendNano: 9n,
  lifetimeSpendNano: 9n,
  sequence: 1n,
  lastCallAt: null,
  utilization: null,
  reviewAt: null,
  deletedAt: null,
  updatedAt: new Date(0),
};

test("charges that are committed while it looks are no differences", async () => {
  const committing = (async () => {
    for (let i = 0; i < 20; i++) await commit([charge("ada", 1n), charge("cyd", 2n)]);
  })();
  const seen: string[] = [];
  for (let i = 0; i < 5; i++) seen.push(...(await differences()));
  await committing;
  expect(seen).toEqual([]);
  expect(await differences()).toEqual([]);
});
