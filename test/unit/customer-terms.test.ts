import { MongoNetworkError } from "mongodb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTermsCache, type CustomerTerms } from "../../src/customers/customer-terms.ts";
import { isStoreAway } from "../../src/store/store-failure.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const blocked: CustomerTerms = {
  exists: true,
  blocked: true,
  models: [],
  defaultModel: null,
  region: null,
  budget: null,
};
let answer: () => Promise<CustomerTerms>;
let storeUp: boolean;
const AWAY = new MongoNetworkError("nobody there");

beforeEach(() => {
  vi.useFakeTimers();
  storeUp = true;
  answer = () => Promise.resolve(blocked);
});
afterEach(() => {
  vi.useRealTimers();
});

function open() {
  return createTermsCache({
    load: async (ids) => {
      const terms = await answer();
      return new Map(ids.map((id) => [id, terms]));
    },
    isStoreUp: () => storeUp,
    isStoreAway,
    nowMs: () => performance.now(),
    log: quiet,
  });
}

const after = (ms: number) => () =>
  new Promise<CustomerTerms>((resolve) => setTimeout(() => resolve(blocked), ms));
const never = () => new Promise<CustomerTerms>(() => {});

test("a customer who is not known waits for a slow store, and is not taken for one without limits", async () => {
  answer = after(5000);
  const terms = open().get("ada");
  await vi.advanceTimersByTimeAsync(5100);
  expect(await terms).toBe(blocked);
});

test("a store that is there and never answers is a named failure", async () => {
  answer = never;
  const refused = expect(open().get("ada")).rejects.toMatchObject({
    code: "customer_unknown",
    status: 503,
    headers: { "retry-after": "1" },
  });
  await vi.advanceTimersByTimeAsync(11_000);
  await refused;
});

test("a driver that is too busy to ask the store is no reason to serve without limits", async () => {
  const busy = Object.assign(new Error("no connection in time"), { name: "MongoWaitQueueTimeoutError" });
  answer = () => Promise.reject(busy);
  const refused = expect(open().get("ada")).rejects.toMatchObject({ code: "customer_unknown" });
  await vi.advanceTimersByTimeAsync(1);
  await refused;
});

test("a store that answers with a failure of its own is no reason to serve without limits", async () => {
  answer = () => Promise.reject(new Error("not allowed to read budgets"));
  const refused = expect(open().get("ada")).rejects.toMatchObject({ code: "customer_unknown" });
  await vi.advanceTimersByTimeAsync(1);
  await refused;
});

test("a store that cannot be reached is waited for, and then nobody knows the customer", async () => {
  answer = () => Promise.reject(AWAY);
  const unknown = open().get("ada");
  await vi.advanceTimersByTimeAsync(5100);
  expect(await unknown).toBeNull();
});

test("a process that has just begun waits until its store is prepared", async () => {
  storeUp = false;
  const terms = open().get("ada");
  await vi.advanceTimersByTimeAsync(3000);
  storeUp = true;
  await vi.advanceTimersByTimeAsync(200);
  expect(await terms).toBe(blocked);
});

test("while the store is away nothing is known of a new customer, and the last word counts for others", async () => {
  const cache = open();
  const first = cache.get("ada");
  await vi.advanceTimersByTimeAsync(1);
  expect(await first).toBe(blocked);
  answer = never;
  storeUp = false;
  await vi.advanceTimersByTimeAsync(60_000);
  cache.forgetAll();
  const known = cache.get("ada");
  const unknown = cache.get("eve");
  await vi.advanceTimersByTimeAsync(5100);
  expect(await known).toBe(blocked);
  expect(await unknown).toBeNull();
});

test("what is known and not new enough waits a second for news", async () => {
  const cache = open();
  const first = cache.get("ada");
  await vi.advanceTimersByTimeAsync(1);
  await first;
  answer = never;
  await vi.advanceTimersByTimeAsync(60_000);
  const again = cache.get("ada");
  await vi.advanceTimersByTimeAsync(1100);
  expect(await again).toBe(blocked);
});

test("who is known to have changed is not served by what was known before", async () => {
  const cache = open();
  const first = cache.get("ada");
  await vi.advanceTimersByTimeAsync(1);
  await first;
  storeUp = false;
  cache.forget(["ada"]);
  const changed = cache.get("ada");
  await vi.advanceTimersByTimeAsync(5100);
  expect(await changed).toBeNull();
});

test("a reading that had begun before a change is not kept after it", async () => {
  const cache = open();
  answer = after(500);
  const before = cache.get("ada");
  await vi.advanceTimersByTimeAsync(100);
  cache.forget(["ada"]);
  let reads = 0;
  answer = () => Promise.resolve({ ...blocked, blocked: ++reads < 0 });
  const fresh = cache.get("ada");
  await vi.advanceTimersByTimeAsync(1000);
  expect(await before).toBe(blocked);
  expect(await fresh).toMatchObject({ blocked: false });
  expect(await cache.get("ada")).toMatchObject({ blocked: false });
});
