import { expect, test } from "vitest";
import type { AdminDeps } from "../../src/customers/admin.ts";
import { csvCell, exportCustomers } from "../../src/customers/export-customers.ts";
import { NEW_ACCOUNT } from "../../src/spend/account.ts";
import { newCustomerFields } from "../../src/spend/ledger-store.ts";
import type { Store } from "../../src/store/connect.ts";

test.each([
  [null, ""],
  [undefined, ""],
  [true, "true"],
  [0.93, "0.93"],
  ["plain", "plain"],
  ["", ""],
  ["a,b", '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ["two\r\nlines", '"two\r\nlines"'],
  ["=1+1", "'=1+1"],
  ["+1", "'+1"],
  ["-1", "'-1"],
  ["@A1", "'@A1"],
  ["\t=1", "'\t=1"],
  ['=HYPERLINK("x","y")', `"'=HYPERLINK(""x"",""y"")"`],
  ["a=b", "a=b"],
])("the cell of %j is %j", (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

test("a file without end begins at once: no more is read than is taken", async () => {
  let read = 0;
  const rows = {
    sort: () => rows,
    batchSize: () => rows,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        read++;
        yield {
          ...NEW_ACCOUNT,
          ...newCustomerFields(new Date(0)),
          _id: `c${read}`,
          lastCallAt: null,
          reviewAt: null,
          deletedAt: null,
          updatedAt: new Date(0),
        };
        await Promise.resolve();
      }
    },
  };
  const budgets = { find: () => ({ toArray: () => Promise.resolve([]) }) };
  const deps: AdminDeps = {
    store: { collections: { customers: { find: () => rows }, budgets } } as unknown as Store,
    newId: () => "",
    now: () => new Date(0),
    defaults: { calendar: { timeZone: "UTC", resetTime: "00:00:00" }, enforcement: "hard" },
    defaultBudgetId: null,
    modelNames: [],
    changed: () => {},
  };
  const text = exportCustomers(deps, { search: null, budgetId: null, blocked: null });
  expect((await text.next()).value).toMatch(/^user_id,alias,/);
  expect(read).toBe(0);
  await text.next();
  await text.next();
  await text.return(undefined);
  expect(read).toBe(1000);
});
