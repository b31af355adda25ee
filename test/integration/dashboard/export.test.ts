import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { CustomerDoc } from "../../../src/store/documents.ts";
import { DashboardApp } from "../../support/dashboard-app.ts";

let app: DashboardApp;
beforeAll(async () => {
  app = await DashboardApp.start();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.store.collections.customers.deleteMany({});
});

/** RFC 4180, as a spreadsheet reads it. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const cell = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n|$)/y;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (match === null) throw new Error(`Not CSV at ${cell.lastIndex}`);
    const [, raw = "", end] = match;
    rows.at(-1)?.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end === "\r\n") rows.push([]);
  }
  if (rows.at(-1)?.length === 0) rows.pop();
  return rows;
}

async function exported(query = ""): Promise<string[][]> {
  const answer = await app.call("GET", `/customer/export.csv${query}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(answer.headers.get("content-disposition")).toMatch(
    /^attachment; filename="customers-\d{4}-\d\d-\d\d\.csv"$/,
  );
  return readCsv(answer.text);
}

test("every customer is a line with exact amounts, and nothing in it runs as a formula", async () => {
  const names = [
    "=1+1",
    "+49",
    "-5",
    "@SUM(A1)",
    "\tTab",
    "plain, with comma",
    'a "quote"',
    "two\nlines",
    "ünï",
  ];
  for (const [at, alias] of names.entries()) {
    await app.ok("POST", "/customer/new", { user_id: `x${at}`, alias, spend: "0.000000001" });
  }
  await app.ok("POST", "/customer/new", { user_id: "=cmd|'/c calc'!A1", max_budget: 5, spend: 4.65 });
  const [head = [], ...rows] = await exported();
  const column = (name: string, row: string[]): string => row[head.indexOf(name)] ?? "missing";
  expect(rows.map((row) => column("user_id", row)).toSorted()).toEqual(
    ["'=cmd|'/c calc'!A1", ...names.map((_, at) => `x${at}`)].toSorted(),
  );
  const aliases = rows.flatMap((row) =>
    column("user_id", row).startsWith("x") ? [column("alias", row)] : [],
  );
  expect(aliases).toEqual([
    "'=1+1",
    "'+49",
    "'-5",
    "'@SUM(A1)",
    "'\tTab",
    "plain, with comma",
    'a "quote"',
    "two\nlines",
    "ünï",
  ]);
  const rich = rows.find((row) => column("max_budget", row) === "5") ?? [];
  expect([column("spend", rich), column("utilization", rich), column("blocked", rich)]).toEqual([
    "4.65",
    "0.93",
    "false",
  ]);
  const poor = rows.find((row) => column("user_id", row) === "x0") ?? [];
  expect([column("spend", poor), column("utilization", poor), column("alias", poor)]).toEqual([
    "0.000000001",
    "",
    "'=1+1",
  ]);
});

test("the list's filters hold for the file, and what is no filter is passed over", async () => {
  await app.ok("POST", "/customer/new", { user_id: "y1", blocked: true });
  await app.ok("POST", "/customer/new", { user_id: "y2" });
  const ids = (rows: string[][]): unknown[] => rows.slice(1).map(([id]) => id);
  expect(ids(await exported("?search=y"))).toEqual(["y1", "y2"]);
  expect(ids(await exported("?search=y&blocked=true&sort=spend&order=desc"))).toEqual(["y1"]);
  expect(ids(await exported("?budget_id=none"))).toEqual([]);
  expect(ids(await exported("?search=y&limit=1"))).toEqual(["y1", "y2"]);
});

test("a large file has each customer once", async () => {
  const { customers } = app.store.collections;
  await app.ok("POST", "/customer/new", { user_id: "z" });
  const one = (await customers.findOne({ _id: "z" })) as CustomerDoc;
  await customers.deleteOne({ _id: "z" });
  const many = Array.from({ length: 5000 }, (_, at) => ({ ...one, _id: `z${at}` }));
  await customers.insertMany(many);
  const rows = await exported("?search=z");
  expect(new Set(rows.slice(1).map(([id]) => id)).size).toBe(5000);
  expect(rows.length).toBe(5001);
});
