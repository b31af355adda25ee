import { type MongoClient, MongoServerError } from "mongodb";
import { beforeEach, expect, test } from "vitest";
import { DeadlineError } from "../../src/lib/deadline.ts";
import type { Store } from "../../src/store/connect.ts";
import { inTransaction } from "../../src/store/in-transaction.ts";
import { isStoreAway, isStoreUnavailable } from "../../src/store/store-failure.ts";
import type { Gate } from "../support/gate.ts";
import { openGatedStore } from "../support/gated-store.ts";

let gate: Gate;
let store: Store;

beforeEach(async () => {
  const opened = await openGatedStore();
  ({ gate, store } = opened);
  return opened.close;
});

// Timeline  a transaction has begun; the store hangs; the time is over; the store goes on.
// Proves    whoever waits is told in time, in words that mean the store; later work is not held up by it.
test("a transaction that a hanging store does not answer is given up in time", async () => {
  const rows = store.db.collection<{ _id: string }>("rows");
  await rows.insertOne({ _id: "before" });
  const failure: unknown = await inTransaction(
    store,
    async (session) => {
      gate.shut();
      await rows.insertOne({ _id: "during" }, { session });
    },
    300,
  ).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DeadlineError);
  expect(isStoreUnavailable(failure)).toBe(true);
  // Nobody is to be served without limits on this word.
  expect(isStoreAway(failure)).toBe(false);

  gate.open();
  await inTransaction(store, (session) => rows.insertOne({ _id: "after" }, { session }));
  const ids = (await rows.find().toArray()).map(({ _id }) => _id);
  expect(ids).toEqual(expect.arrayContaining(["before", "after"]));
});

// Timeline  a transaction conflicts whenever it is tried; the time is over; the driver has done with it.
// Proves    it is not tried any more: what was given up does not go on behind everybody's back.
test("a transaction that was given up is not tried again", async () => {
  let driver: Promise<unknown> = Promise.resolve();
  const withSession: MongoClient["withSession"] = (...args: [never]) => {
    driver = store.client.withSession(...args);
    return driver as Promise<never>;
  };
  const client = Object.assign(Object.create(store.client) as MongoClient, { withSession });
  let tries = 0;
  const conflicting = inTransaction(
    { client },
    () => {
      tries++;
      const errorLabels = ["TransientTransactionError"];
      return Promise.reject(new MongoServerError({ message: "conflict", code: 112, errorLabels }));
    },
    300,
  );
  await expect(conflicting).rejects.toThrow(DeadlineError);
  const triedInTime = tries;
  expect(triedInTime).toBeGreaterThan(1);
  await expect(driver).rejects.toThrow();
  expect(tries).toBe(triedInTime);
});
