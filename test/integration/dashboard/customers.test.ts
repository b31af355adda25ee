import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { CustomerDoc } from "../../../src/store/documents.ts";
import { DashboardApp } from "../../support/dashboard-app.ts";
import { enoughOfTheDay } from "../../support/day-and-hour.ts";

interface Row extends Record<string, unknown> {
  readonly user_id: string;
}
interface Detail {
  readonly detail: { readonly loc: readonly string[] }[];
}

let app: DashboardApp;
beforeAll(async () => {
  await enoughOfTheDay();
  app = await DashboardApp.start({ litellmSettings: { max_end_user_budget_id: "default" } });
  await app.ok("POST", "/budget/new", { budget_id: "tier", max_budget: 10 });
});
afterAll(() => app.close());

beforeEach(async () => {
  const { customers, budgets, audit } = app.store.collections;
  await Promise.all([
    customers.deleteMany({}),
    budgets.deleteMany({ _id: { $ne: "tier" } }),
    audit.deleteMany({}),
  ]);
});

/** Customers as they are after some calls; what is not said is as for a new one. */
async function have(customers: (Partial<CustomerDoc> & { _id: string })[]): Promise<void> {
  for (const { _id } of customers) await app.ok("POST", "/customer/new", { user_id: _id });
  for (const { _id, ...fields } of customers) {
    await app.store.collections.customers.updateOne({ _id }, { $set: fields });
  }
}

async function idsOf(query: string): Promise<string[]> {
  return (await app.ok<Row[]>("GET", `/customer/list?${query}`)).map((row) => row.user_id);
}

/** Every page from the first, by the `Link` header. */
async function allPages(query: string): Promise<string[]> {
  const ids: string[] = [];
  for (let target: string | undefined = `/customer/list?${query}`; target !== undefined;) {
    const answer = await app.call("GET", target);
    expect(answer.status).toBe(200);
    ids.push(...(answer.json as Row[]).map((row) => row.user_id));
    target = /^<(.+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  return ids;
}

const usd = (dollars: number): bigint => BigInt(Math.round(dollars * 1e9));

test.each(["user_id", "created_at", "spend", "utilization", "last_call_at"])(
  "paging by %s shows every customer once, in both directions, equals and absent values among them",
  async (sort) => {
    const ids = Array.from({ length: 23 }, (_, at) => `c${String(at).padStart(2, "0")}`);
    await have(
      ids.map((_id, at) => ({
        _id,
        createdAt: new Date(1e12 + (at % 5) * 1000),
        spendNano: usd(at % 4),
        spendOffsetNano: usd(at % 4),
        utilization: at % 3 === 0 ? null : (at % 5) / 10,
        lastCallAt: at % 3 === 0 ? null : new Date(1.5e12 + (at % 6) * 1000),
      })),
    );
    const up = await allPages(`sort=${sort}&order=asc&limit=4`);
    expect(new Set(up).size).toBe(ids.length);
    expect(up.length).toBe(ids.length);
    const down = await allPages(`sort=${sort}&order=desc&limit=4`);
    expect(down).toEqual(up.toReversed());
    expect(up).toEqual(await idsOf(`sort=${sort}&order=asc`));
  },
);

test("orders are by the values: most spent, fullest, last seen first, those without a value last", async () => {
  await have([
    { _id: "a", spendNano: usd(1), utilization: 0.9, lastCallAt: new Date(3000) },
    { _id: "b", spendNano: usd(3), utilization: 0.2, lastCallAt: null },
    { _id: "c", spendNano: usd(2), utilization: null, lastCallAt: new Date(9000) },
    { _id: "d", spendNano: usd(12), utilization: 1.2, lastCallAt: new Date(1000) },
  ]);
  expect(await idsOf("sort=spend&order=desc")).toEqual(["d", "b", "c", "a"]);
  expect(await idsOf("sort=utilization&order=desc")).toEqual(["d", "a", "b", "c"]);
  expect(await idsOf("sort=last_call_at&order=desc")).toEqual(["c", "a", "d", "b"]);
  expect(await idsOf("sort=last_call_at&order=asc")).toEqual(["b", "d", "a", "c"]);
});

test.each(["x", "eyJ4Ijox", Buffer.from('["a", 1]').toString("base64url")])(
  "a cursor that is none (%j) is refused in every order",
  async (cursor) => {
    for (const sort of ["user_id", "created_at", "spend", "utilization", "last_call_at"]) {
      const { status } = await app.call("GET", `/customer/list?sort=${sort}&cursor=${cursor}`);
      expect([sort, status]).toEqual([sort, 422]);
    }
  },
);

test("a search finds the beginning of an id, and of an alias in any case", async () => {
  await app.ok("POST", "/customer/new", { user_id: "acme-1" });
  await app.ok("POST", "/customer/new", { user_id: "x-9", alias: "ACME Ltd" });
  await app.ok("POST", "/customer/new", { user_id: "Acme-2" });
  await app.ok("POST", "/customer/new", { user_id: "other", alias: "Not Acme" });
  expect(await idsOf("search=acme")).toEqual(["acme-1", "x-9"]);
  expect(await idsOf("search=acme&sort=created_at&order=desc")).toEqual(["x-9", "acme-1"]);
  expect(await idsOf("search=Acme")).toEqual(["Acme-2", "x-9"]);
  expect(await idsOf("search=zz")).toEqual([]);
  await app.ok("POST", "/customer/update", { user_id: "x-9", alias: "Globex" });
  expect(await idsOf("search=acme")).toEqual(["acme-1"]);
  expect(await idsOf("search=glob")).toEqual(["x-9"]);
});

test("a search that matches thousands is paged like a short one", async () => {
  const template = { user_id: "t" };
  await app.ok("POST", "/customer/new", template);
  const { customers } = app.store.collections;
  const one = await customers.findOne({ _id: "t" });
  if (one === null) throw new Error("The template is gone");
  await customers.deleteOne({ _id: "t" });
  await customers.insertMany(
    Array.from({ length: 1500 }, (_, at) => {
      const alias = at % 2 === 0 ? `many ${at}` : null;
      const _id = at % 5 === 0 ? `other-${at}` : `many-${at}`;
      return { ...one, _id, alias, aliasKey: alias, spendNano: BigInt(at % 7) };
    }),
  );
  const wanted = Array.from({ length: 1500 }, (_, at) => at).filter((at) => at % 5 !== 0 || at % 2 === 0);
  for (const sort of ["user_id", "spend"]) {
    const found = await allPages(`search=many&sort=${sort}&limit=400`);
    expect(found.length).toBe(wanted.length);
    expect(new Set(found).size).toBe(wanted.length);
  }
});

test("filters: by tier, the default tier with those who have none, and blocked or not", async () => {
  await app.ok("POST", "/budget/new", { budget_id: "default", max_budget: 1 });
  await app.ok("POST", "/customer/new", { user_id: "a", budget_id: "tier" });
  await app.ok("POST", "/customer/new", { user_id: "b" });
  await app.ok("POST", "/customer/new", { user_id: "c", budget_id: "default", blocked: true });
  expect(await idsOf("budget_id=tier")).toEqual(["a"]);
  expect(await idsOf("budget_id=default&sort=utilization&order=desc")).toEqual(["c", "b"]);
  expect(await idsOf("budget_id=none")).toEqual([]);
  expect(await idsOf("blocked=true")).toEqual(["c"]);
  expect(await idsOf("blocked=false")).toEqual(["a", "b"]);
  expect(await idsOf("blocked=false&budget_id=default&search=b")).toEqual(["b"]);
});

test("deleted customers are in no list", async () => {
  await app.ok("POST", "/customer/new", { user_id: "gone", alias: "gone", budget_id: "tier" });
  await app.ok("POST", "/customer/delete", { user_ids: ["gone"] });
  for (const sort of ["user_id", "created_at", "spend", "utilization", "last_call_at"]) {
    expect(await idsOf(`sort=${sort}`)).toEqual([]);
  }
  expect(await idsOf("search=gone")).toEqual([]);
  expect(await idsOf("budget_id=tier")).toEqual([]);
});

test("a list with wrong parameters names each of them", async () => {
  const answer = await app.call("GET", "/customer/list?limit=0&sort=name&blocked=maybe&nonsense=1&held=x");
  expect(answer.status).toBe(422);
  const places = (answer.json as Detail).detail.map(({ loc }) => loc.join("."));
  expect(places.toSorted()).toEqual(["query.blocked", "query.held", "query.limit", "query.sort"]);
});

test("utilization follows calls, limits, moves and resets of limits", async () => {
  const stored = async (): Promise<unknown> =>
    (await app.store.collections.customers.findOne({ _id: "ada" }))?.utilization;
  const shown = async (): Promise<unknown> =>
    (await app.ok<Row>("GET", "/customer/info?end_user_id=ada"))["utilization"];
  await app.ok("POST", "/customer/new", { user_id: "ada" });
  expect([await stored(), await shown()]).toEqual([null, null]);
  const answer = await app.chat("ada");
  expect(answer.status).toBe(200);
  const spend = Number(answer.headers.get("x-spendhook-customer-spend"));
  const max = Number((spend * 40).toFixed(9));
  expect(await stored()).toBe(null);

  await app.ok("POST", "/customer/update", { user_id: "ada", max_budget: max });
  expect([await stored(), await shown()]).toEqual([0.025, 0.025]);
  expect((await app.chat("ada")).status).toBe(200);
  expect([await stored(), await shown()]).toEqual([0.05, 0.05]);
  const info = await app.ok<Row>("GET", "/customer/info?end_user_id=ada");
  expect(info).toMatchObject({ max_budget: max, held: 0, projected_spend: null });

  await app.ok("POST", "/customer/move", { user_ids: ["ada"], budget_id: "tier" });
  expect([await stored(), await shown()]).toEqual([0, 0]);
  await app.ok("POST", "/customer/move", { user_ids: ["ada"], budget_id: null });
  expect([await stored(), await shown()]).toEqual([null, null]);
});

test("a budget of nothing is full with the first cent, and not before", async () => {
  await have([{ _id: "a" }, { _id: "b", spendNano: 1n }]);
  for (const user_id of ["a", "b"]) await app.ok("POST", "/customer/update", { user_id, max_budget: 0 });
  const rows = await app.ok<Row[]>("GET", "/customer/list");
  expect(rows.map((row) => row["utilization"])).toEqual([0, 1]);
});

test("what calls in flight hold is shown when asked for", async () => {
  await app.ok("POST", "/customer/new", { user_id: "ada", budget_id: "tier" });
  await app.ok("POST", "/customer/new", { user_id: "bob" });
  const [plain] = await app.ok<Row[]>("GET", "/customer/list");
  expect(plain).not.toHaveProperty("held");
  const rows = await app.ok<Row[]>("GET", "/customer/list?held=true");
  expect(rows.map((row) => row["held"])).toEqual([0, 0]);
});

test("the page of a customer foretells where its month ends", async () => {
  const now = new Date();
  await app.ok("POST", "/budget/new", { budget_id: "monthly", max_budget: 10, budget_duration: "1mo" });
  await app.ok("POST", "/customer/new", { user_id: "ada", budget_id: "monthly" });
  await app.store.collections.customers.updateOne({ _id: "ada" }, { $set: { spendNano: usd(9) } });
  const info = await app.ok<Row>("GET", "/customer/info?end_user_id=ada");
  if (now.getUTCDate() === 1) expect(info["projected_spend"]).toBeNull();
  else {
    const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
    const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
    const expected = (9 * (end - start)) / (now.getTime() - start);
    expect(Number(info["projected_spend"]) / expected).toBeCloseTo(1, 2);
    expect(info["projected_exceeded_at"] === null).toBe(expected <= 10);
  }
});
