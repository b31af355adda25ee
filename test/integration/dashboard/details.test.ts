import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardApp } from "../../support/dashboard-app.ts";
import { enoughOfTheDay } from "../../support/day-and-hour.ts";

interface CallPage {
  readonly data: { readonly request_id: string; readonly sequence: number }[];
  readonly next_cursor: string | null;
}
interface Day {
  readonly date: string;
  readonly spend: number;
  readonly calls: number;
  readonly models: Record<string, number>;
}

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

let app: DashboardApp;
beforeAll(async () => {
  await enoughOfTheDay();
  app = await DashboardApp.start();
});
afterAll(() => app.close());

test("a customer's calls are paged newest first, each once, and each can be explained", async () => {
  for (let call = 0; call < 7; call++) await app.chat("caller/1 ü", call === 3 ? { model: "free" } : {});
  const base = `/customer/${encodeURIComponent("caller/1 ü")}/calls?limit=3`;
  const seen: CallPage["data"] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: CallPage = await app.ok("GET", cursor === "" ? base : `${base}&cursor=${cursor}`);
    seen.push(...page.data);
    cursor = page.next_cursor;
  }
  expect(seen.map(({ sequence }) => sequence)).toEqual([7, 6, 5, 4, 3, 2, 1]);
  expect(seen[3]).toMatchObject({ model: "free", cost: 0, unpriced: true, estimated: false });
  expect(seen[0]).toMatchObject({ model: "m", prompt_tokens: expect.any(Number) as number, unpriced: false });
  const explained = await app.ok<object>("GET", `/spend/explain/${seen[0]?.request_id}`);
  expect(explained).toMatchObject({ customer_id: "caller/1 ü", sequence: 7 });
});

test("nobody's calls are an empty page, and a cursor that is none is refused", async () => {
  expect(await app.ok("GET", "/customer/nobody/calls")).toEqual({ data: [], next_cursor: null });
  await app.chat("once");
  expect((await app.ok<CallPage>("GET", "/customer/once/calls")).data).toHaveLength(1);
  expect((await app.call("GET", "/customer/once/calls?cursor=strange")).status).toBe(422);
});

test("activity has every day of its range, with and without calls, by model", async () => {
  await app.chat("busy");
  await app.chat("busy");
  await app.chat("busy", { model: "free" });
  const { days } = await app.ok<{ days: Day[] }>(
    "GET",
    `/customer/busy/activity?from=${day(-2)}&to=${day(0)}`,
  );
  expect(days.map(({ date }) => date)).toEqual([day(-2), day(-1), day(0)]);
  expect(days[0]).toEqual({ date: day(-2), spend: 0, calls: 0, models: {} });
  const info = await app.ok<{ spend: number }>("GET", "/customer/info?end_user_id=busy");
  expect(days[2]).toEqual({ date: day(0), spend: info.spend, calls: 3, models: { m: info.spend, free: 0 } });
});

test("a customer called daily has activity too, and LiteLLM's route stays", async () => {
  await app.chat("daily");
  const { days } = await app.ok<{ days: Day[] }>(
    "GET",
    `/customer/daily/activity?from=${day(0)}&to=${day(0)}`,
  );
  expect(days[0]?.calls).toBe(1);
  const lite = await app.ok<object>(
    "GET",
    `/customer/daily/activity?start_date=${day(0)}&end_date=${day(0)}`,
  );
  expect(lite).toHaveProperty("results");
});

test.each(["/customer/ada/activity", "/spend/overview"])("%s wants a sensible range", async (path) => {
  for (const [query, place] of [
    ["", "query.from"],
    ["from=2026-01-01", "query.to"],
    ["from=2026-13-01&to=2026-01-01", "query.from"],
    ["from=2026-01-02&to=2026-01-01", "query.to"],
    ["from=2025-01-01&to=2026-01-02", "query.to"],
  ] as const) {
    const answer = await app.call("GET", `${path}?${query}`);
    const { detail } = answer.json as { detail: { loc: string[] }[] };
    expect([query, answer.status, detail.map(({ loc }) => loc.join("."))]).toEqual([
      query,
      422,
      expect.arrayContaining([place]),
    ]);
  }
  expect((await app.call("GET", `${path}?from=2025-01-01&to=2026-01-01`)).status).toBe(200);
});

test("moving gives all of them the tier, tells what they had, and can be undone", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "gold", max_budget: 50 });
  await app.ok("POST", "/budget/new", { budget_id: "silver", max_budget: 20 });
  await app.ok("POST", "/customer/new", { user_id: "m1", budget_id: "silver" });
  await app.ok("POST", "/customer/new", { user_id: "m2" });
  await app.ok("POST", "/customer/new", { user_id: "m3", max_budget: 7 });
  await app.ok("POST", "/customer/new", { user_id: "m4", budget_id: "gold" });
  const moved = await app.ok<{ moved: number; previous: { user_id: string; budget_id: string | null }[] }>(
    "POST",
    "/customer/move",
    { user_ids: ["m1", "m2", "m3", "m4", "m1"], budget_id: "gold" },
  );
  expect(moved.moved).toBe(3);
  const before = new Map(moved.previous.map((one) => [one.user_id, one.budget_id]));
  expect([before.get("m1"), before.get("m2"), before.has("m4")]).toEqual(["silver", null, false]);
  const rows = await app.ok<{ user_id: string; max_budget: number }[]>(
    "GET",
    "/customer/list?budget_id=gold",
  );
  expect(rows.map((row) => [row.user_id, row.max_budget])).toEqual([
    ["m1", 50],
    ["m2", 50],
    ["m3", 50],
    ["m4", 50],
  ]);
  for (const { user_id, budget_id } of moved.previous) {
    await app.ok("POST", "/customer/move", { user_ids: [user_id], budget_id });
  }
  const undone = await app.ok<{ max_budget: number | null }[]>("GET", "/customer/list?search=m");
  expect(undone.map((row) => row.max_budget)).toEqual([20, null, 7, 50]);
  const audit = await app.ok<{ data: object[] }>("GET", "/audit?target_id=m1");
  expect(audit.data[1]).toMatchObject({
    action: "customer.move",
    before: { budget_id: "silver" },
    after: { budget_id: "gold" },
  });
});

test("a private budget that a move left behind goes when its customer gets limits of its own again", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "bronze", max_budget: 3 });
  await app.ok("POST", "/customer/new", { user_id: "own", max_budget: 7 });
  await app.ok("POST", "/customer/move", { user_ids: ["own"], budget_id: "bronze" });
  expect(await app.store.collections.budgets.countDocuments({ customerId: "own" })).toBe(1);
  await app.ok("POST", "/customer/update", { user_id: "own", max_budget: 9 });
  const left = await app.store.collections.budgets.find({ customerId: "own" }).toArray();
  expect(left.map(({ maxBudgetNano }) => maxBudgetNano)).toEqual([9_000_000_000n]);
});

test("a move that cannot be done for all is done for none", async () => {
  await app.ok("POST", "/customer/new", { user_id: "n1" });
  await app.ok("POST", "/customer/new", { user_id: "n2", max_budget: 1 });
  const own = await app.store.collections.budgets.findOne({ customerId: "n2" });
  for (const [body, status] of [
    [{ user_ids: ["n1", "nobody"], budget_id: null }, 404],
    [{ user_ids: ["n1"], budget_id: "no-such-tier" }, 404],
    [{ user_ids: ["n1"], budget_id: own?._id }, 400],
    [{ user_ids: [], budget_id: null }, 422],
    [{ user_ids: ["n1"] }, 422],
    [{ user_ids: Array.from({ length: 1001 }, (_, at) => `u${at}`), budget_id: null }, 422],
  ] as const) {
    expect([body, (await app.call("POST", "/customer/move", { body })).status]).toEqual([body, status]);
  }
  expect(await app.store.collections.audit.countDocuments({ action: "customer.move", targetId: "n1" })).toBe(
    0,
  );
});

test("budgets tell how many customers they have, and a preview what another maximum would mean", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "plan", max_budget: 10 });
  const spends = [0, 3.9999, 4, 4.0001, 7.9, 8, 9.99, 10, 25];
  for (const [at, spend] of spends.entries()) {
    await app.ok("POST", "/customer/new", { user_id: `p${at}`, budget_id: "plan", spend });
  }
  const list = await app.ok<{ budget_id: string }[]>("GET", "/budget/list?usage=true");
  expect(list.find(({ budget_id: id }) => id === "plan")).toMatchObject({ customers: 9, near: 4, over: 2 });
  expect((await app.ok<object[]>("GET", "/budget/list"))[0]).not.toHaveProperty("customers");
  const preview = (max: number | string | null) =>
    app.ok<object>("POST", "/budget/preview", { budget_id: "plan", max_budget: max });
  const shared = { customers: 9, over_now: 2 };
  expect(await preview(4)).toEqual({ ...shared, over_then: 7 });
  expect(await preview("4.00005")).toEqual({ ...shared, over_then: 6 });
  expect(await preview(30)).toEqual({ ...shared, over_then: 0 });
  expect(await preview(0)).toEqual({ ...shared, over_then: 8 });
  expect(await preview(null)).toEqual({ ...shared, over_then: 0 });
  await app.ok("POST", "/budget/update", { budget_id: "plan", max_budget: null });
  expect(await preview(8)).toMatchObject({ customers: 9, over_then: 4 });
  for (const [body, status] of [
    [{ budget_id: "none", max_budget: 1 }, 404],
    [{ budget_id: "plan", max_budget: -1 }, 400],
    [{ budget_id: "plan" }, 422],
  ] as const) {
    expect([body, (await app.call("POST", "/budget/preview", { body })).status]).toEqual([body, status]);
  }
  expect((await app.call("GET", "/budget/list?usage=yes")).status).toBe(422);
});

test("prices in force are shown with their source, and models without one with their calls", async () => {
  await app.chat("someone", { model: "free" });
  const { data } = await app.ok<{ data: { model_name: string; unpriced_calls: number }[] }>(
    "GET",
    "/model/info",
  );
  expect(data).toMatchObject([
    {
      model_name: "m",
      provider: "openai",
      upstream_model: "m-1",
      max_output_tokens: 64,
      price: { input: 1, output: 1, cache_read: 1, cache_write: 1, reasoning: 1 },
      source: "deployment",
      unpriced_calls: 0,
    },
    { model_name: "free", price: { input: null, output: null }, source: null },
  ]);
  expect(data[1]?.unpriced_calls).toBeGreaterThan(0);
});

test("every management route wants the key or a session", async () => {
  for (const [method, path] of [
    ["GET", "/customer/list"],
    ["GET", "/customer/export.csv"],
    ["GET", "/customer/ada/calls"],
    ["GET", "/customer/ada/activity?from=2026-01-01&to=2026-01-01"],
    ["POST", "/customer/move"],
    ["GET", "/budget/list?usage=true"],
    ["POST", "/budget/preview"],
    ["GET", "/spend/overview?from=2026-01-01&to=2026-01-01"],
    ["GET", "/model/info"],
    ["GET", "/ui/api/live"],
  ] as const) {
    for (const headers of [{}, { authorization: "Bearer sk-wrong" }]) {
      const answer = await app.call(method, path, { headers, ...(method === "POST" && { body: {} }) });
      expect([path, answer.status]).toEqual([path, 401]);
    }
  }
});
