import { expect, test } from "vitest";
import { createIds } from "../../src/lib/ids.ts";
import { DeadlineError } from "../../src/lib/deadline.ts";
import { connectStore } from "../../src/store/connect.ts";
import { inTransaction } from "../../src/store/in-transaction.ts";
import { isStoreUnavailable } from "../../src/store/store-failure.ts";
import { Gate } from "../support/gate.ts";
import { openTestStore } from "../support/test-store.ts";

// Timeline  a transaction's work begins; the store hangs; the time is over; the store goes on.
// Proves    whoever waits is told in time, in words that mean the store; later work is not held up by it.
test("a transaction that a hanging store does not answer is given up in time", async () => {
  const server = await openTestStore();
  const gate = await Gate.to(server.url);
  const store = connectStore({ url: gate.url, database: createIds()("late"), appName: "test" });
  const rows = store.db.collection<{ _id: string }>("rows");
  await rows.insertOne({ _id: "before" });

  const failure = await inTransaction(
    store,
    async (session) => {
      await rows.insertOne({ _id: "first" }, { session });
      gate.shut();
      await rows.insertOne({ _id: "second" }, { session });
    },
    300,
  ).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DeadlineError);
  expect(isStoreUnavailable(failure)).toBe(true);

  gate.open();
  await inTransaction(store, (session) => rows.insertOne({ _id: "after" }, { session }));
  const ids = (await rows.find().toArray()).map(({ _id }) => _id);
  // All of the transaction that was given up, or nothing of it.
  expect(ids.toSorted()).toEqual(
    ids.includes("first") ? ["after", "before", "first", "second"] : ["after", "before"],
  );
  await store.close();
  await gate.close();
  await server.close();
});
