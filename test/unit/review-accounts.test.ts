import { expect, test } from "vitest";
import { reviewAccounts } from "../../src/spend/review-accounts.ts";
import { plainPlanner } from "../support/ledger-parts.ts";

const EMPTY = { customers: [], events: [], deliveries: [], daily: [], totals: [] };

// Setup     250 accounts that are due; the store refuses every transaction that has a certain one in it.
// Proves    all others of its page are done, the refused one is named, and it is not tried over and over.
test("an account that the store refuses holds up no other, and is named", async () => {
  const due = new Set(Array.from({ length: 250 }, (_, index) => `c${index}`));
  const named: object[] = [];
  let refused = 0;
  const store = {
    findDue: (_now: Date, limit: number) => Promise.resolve([...due].slice(0, limit)),
    commit: (ids: readonly string[]) => {
      if (ids.includes("c7")) {
        refused++;
        return Promise.reject(new Error("refused"));
      }
      for (const id of ids) due.delete(id);
      return Promise.resolve(EMPTY);
    },
  };
  const silent = { debug: () => {}, info: () => {}, warn: () => {} };
  const log = { ...silent, error: (fields: object) => void named.push(fields) };
  const parts = { planner: plainPlanner(() => []), newId: () => "evt_1", announce: () => {} };
  const deps = { store, log, now: () => new Date(), ...parts };

  expect(await reviewAccounts(deps)).toBe(99);
  expect(named).toEqual([{ customerId: "c7", error: "Error: refused" }]);
  expect(refused).toBe(2);
  expect(await reviewAccounts(deps)).toBe(99);
  expect(await reviewAccounts(deps)).toBe(51);
  expect([...due]).toEqual(["c7"]);
});
