import { MongoServerError } from "mongodb";
import { beforeEach, expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import { DeadlineError } from "../../src/lib/deadline.ts";
import { connectStore, type Store } from "../../src/store/connect.ts";
import { inTransaction } from "../../src/store/in-transaction.ts";
import { isStoreAway, isStoreUnavailable } from "../../src/store/store-failure.ts";
import { Gate } from "../support/gate.ts";
import { openTestStore } from "../support/test-store.ts";

let gate: Gate;
let store: Store;

beforeEach(async () => {
  const server = await openTestStore();
  gate = await Gate.to(server.url);
  store = connectStore({ url: gate.url, database: createIds()("late"), appName: "test" });
  return async () => {
    await store.close();
    await gate.close();
    await server.close();
  };
});

// Timeline  a transaction has begun; the store hangs; the time is over; the store goes on.
// Proves    whoever waits is told in time, in words that mean the store; later work is not held up by it.
test("a transaction that a hanging store does not answer is given up in time", async () => {
  const rows = store.db.collection<{ _id: string }>("rows");
  await rows.insertOne({ _id: "before" });
  const { promise: hangs, resolve: isHanging } = Promise.withResolvers<void>();
  const failure = inTransaction(
    store,
    async (session) => {
      gate.shut();
      isHanging();
      await rows.insertOne({ _id: "during" }, { session });
    },
    300,
  ).catch((error: unknown) => error);
  await hangs;
  expect(await failure).toBeInstanceOf(DeadlineError);
  expect(isStoreUnavailable(await failure)).toBe(true);
  // Nobody is to be served without limits on this word.
  expect(isStoreAway(await failure)).toBe(false);

  gate.open();
  await inTransaction(store, (session) => rows.insertOne({ _id: "after" }, { session }));
  const ids = (await rows.find().toArray()).map(({ _id }) => _id);
  expect(ids).toEqual(expect.arrayContaining(["before", "after"]));
});

// Timeline  a transaction conflicts whenever it is tried; the time is over.
// Proves    it is not tried any more: what was given up does not go on behind everybody's back.
test("a transaction that was given up is not tried again", async () => {
  let tries = 0;
  const conflicting = inTransaction(
    store,
    () => {
      tries++;
      const labels = ["TransientTransactionError"];
      return Promise.reject(new MongoServerError({ message: "conflict", code: 112, errorLabels: labels }));
    },
    300,
  );
  await expect(conflicting).rejects.toThrow(DeadlineError);
  const triedInTime = tries;
  expect(triedInTime).toBeGreaterThan(1);
  // The driver waits half a second at most between two tries.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(tries).toBeLessThanOrEqual(triedInTime + 1);
});
