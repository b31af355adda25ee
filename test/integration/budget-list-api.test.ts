import { afterAll, beforeAll, expect, test } from "vitest";
import { ACTOR, type AdminApp, startAdminApp } from "../support/admin-app.ts";

let app: AdminApp;
let ids = 0;
const newId = (): string => `b${++ids}`;

beforeAll(async () => {
  app = await startAdminApp();
  await app.make("/budget/new", { budget_id: "known", max_budget: 4, budget_duration: "1mo", rpm_limit: 7 });
});
afterAll(() => app.close());

test("the list shows tiers page by page, and no private budgets", async () => {
  const prefix = newId();
  for (const n of [1, 2, 3]) await app.make("/budget/new", { budget_id: `${prefix}-${n}` });
  await app.make("/customer/new", { user_id: newId(), max_budget: 1 });
  const seen: string[] = [];
  let path: string | undefined = "/budget/list?limit=2";
  while (path !== undefined) {
    const page = await app.get(path);
    expect(page.status).toBe(200);
    seen.push(...(page.json as { budget_id: string }[]).map(({ budget_id }) => budget_id));
    path = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
  }
  expect(seen).toEqual(seen.toSorted());
  expect(seen.filter((id) => id.startsWith(prefix))).toEqual([1, 2, 3].map((n) => `${prefix}-${n}`));
  const tiers = await app.store.collections.budgets.countDocuments({ customerId: null });
  expect(new Set(seen).size).toBe(tiers);
  expect((await app.get("/budget/list?cursor=!")).status).toBe(422);
});

test("/budget/settings tells LiteLLM's seven fields with their values", async () => {
  const { status, json } = await app.get("/budget/settings?budget_id=known");
  const rows = json as { field_name: string; field_value: unknown }[];
  expect(status).toBe(200);
  expect(rows.map((row) => [row.field_name, row.field_value])).toEqual([
    ["max_parallel_requests", null],
    ["tpm_limit", null],
    ["rpm_limit", 7],
    ["budget_duration", "1mo"],
    ["max_budget", 4],
    ["soft_budget", null],
    ["model_max_budget", null],
  ]);
  expect(Object.keys(rows[0] ?? {})).toEqual([
    "field_name",
    "field_type",
    "field_description",
    "field_value",
    "stored_in_db",
    "field_default_value",
  ]);
  expect((await app.get("/budget/settings")).status).toBe(422);
});

test("changes of a budget are in the audit log, newest first, page by page", async () => {
  const budget_id = newId();
  const made = await app.make("/budget/new", { budget_id, max_budget: 3 });
  const changed = await app.make("/budget/update", { budget_id, max_budget: 4 });
  await app.make("/budget/delete", { id: budget_id });
  const rows: object[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({
      target_id: budget_id,
      limit: "1",
      ...(cursor !== null && { cursor }),
    });
    const page = (await app.get(`/audit?${query.toString()}`)).json as {
      data: object[];
      next_cursor: string | null;
    };
    rows.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  const row = { id: expect.any(String), at: expect.any(String), actor: ACTOR, target_id: budget_id };
  expect(rows).toEqual([
    { ...row, action: "budget.delete", before: changed, after: null },
    { ...row, action: "budget.update", before: made, after: changed },
    { ...row, action: "budget.create", before: null, after: made },
  ]);
  for (const cursor of ["!", "WzFd", Buffer.from('[9e15,"x"]').toString("base64url")]) {
    expect((await app.get(`/audit?cursor=${cursor}`)).status).toBe(422);
  }
});
