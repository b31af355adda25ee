import { afterAll, beforeAll, expect, test } from "vitest";
import { ACTOR, type AdminApp, type Json, startAdminApp } from "../support/admin-app.ts";

let app: AdminApp;
/** In the order of their creation, which is not that of their names. */
const TEAM = ["team-d", "team-a", "team-e", "team-c", "team-b", "team_x", "Team-a"];

beforeAll(async () => {
  app = await startAdminApp();
  for (const user_id of TEAM) await app.make("/customer/new", { user_id, alias: `alias of ${user_id}` });
  await app.make("/customer/new", { user_id: "team-gone" });
  await app.make("/customer/delete", { user_ids: ["team-gone"] });
  await app.store.collections.dailySpend.insertMany([
    daily("2026-01-02", "team-a", { costNano: 1_000_000_000n, calls: 2n }),
    daily("2026-01-02", "team-b", { costNano: 500_000_001n, keyHash: "k2", cachedTokens: 4n }),
    daily("2026-01-02", "team-b", { costNano: 9n, model: "other" }),
    daily("2026-01-03", "team-a", { costNano: 2_000_000_000n }),
    daily("2026-01-05", "stranger", { costNano: 4_000_000_000n }),
    daily("2026-02-01", "team-a", { costNano: 8_000_000_000n }),
  ]);
});
afterAll(() => app.close());

function daily(day: string, customerId: string, more: object) {
  const row = { day, customerId, model: "mock", keyHash: "k1", costNano: 0n, calls: 1n };
  const tokens = { promptTokens: 10n, completionTokens: 5n, cachedTokens: 0n, unpricedCalls: 0n };
  const doc = { ...row, ...tokens, ...more };
  return { ...doc, _id: JSON.stringify([day, customerId, doc.model, doc.keyHash]) };
}

async function pages(query: string): Promise<string[][]> {
  const found: string[][] = [];
  let path: string | undefined = `/customer/list?${query}`;
  while (path !== undefined) {
    const page = await app.get(path);
    expect([page.status, path]).toEqual([200, path]);
    found.push((page.json as { user_id: string }[]).map(({ user_id }) => user_id));
    path = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
  }
  return found;
}

const byName = TEAM.toSorted();

test.each<[string, string[]]>([
  ["", byName],
  ["sort=user_id&order=desc", byName.toReversed()],
  ["sort=created_at", TEAM],
  ["sort=created_at&order=desc", TEAM.toReversed()],
  ["search=team-", byName.filter((id) => id.startsWith("team-"))],
  ["search=team-&order=desc", byName.filter((id) => id.startsWith("team-")).toReversed()],
  ["search=team-&sort=created_at", TEAM.filter((id) => id.startsWith("team-"))],
  ["search=team-&sort=created_at&order=desc", TEAM.filter((id) => id.startsWith("team-")).toReversed()],
  ["search=nobody", []],
])(
  "/customer/list?%s is the same in one page and in pages of one, two and seven",
  async (query, expected) => {
    expect(await pages(query)).toEqual([expected]);
    for (const limit of [1, 2, 7]) {
      const found = await pages(`${query}&limit=${limit}`);
      expect(found.flat()).toEqual(expected);
      expect(found.every((page) => page.length <= limit)).toBe(true);
    }
  },
);

test("the array is LiteLLM's: whole customers, under the alias path too", async () => {
  const { json } = await app.get("/end_user/list?search=team-a");
  const [row] = json as Json[];
  expect(json).toHaveLength(1);
  expect(await app.customer("team-a")).toMatchObject(row ?? {});
});

test.each([
  "limit=0",
  "limit=1001",
  "limit=x",
  "limit=1&limit=2",
  "sort=spend!",
  "order=up",
  "cursor=!!!",
  "cursor=",
  `cursor=${Buffer.from('[1,"x"]').toString("base64url")}`,
  `cursor=${Buffer.from("[5]").toString("base64url")}`,
  `sort=created_at&cursor=${Buffer.from('["x"]').toString("base64url")}`,
  `sort=created_at&cursor=${Buffer.from('["x","x"]').toString("base64url")}`,
  `sort=created_at&cursor=${Buffer.from('[1e300,"x"]').toString("base64url")}`,
])("/customer/list?%s is refused", async (query) => {
  expect((await app.get(`/customer/list?${query}`)).status).toBe(422);
});

test("aliases are ids by page, for a picker", async () => {
  expect((await app.get("/customer/aliases?search=team-&size=2&start_date=2026-01-01")).json).toEqual({
    aliases: ["team-a", "team-b"],
    current_page: 1,
    size: 2,
    has_more: true,
  });
  expect((await app.get("/end_user/aliases?search=team-&size=2&page=3")).json).toEqual({
    aliases: ["team-e"],
    current_page: 3,
    size: 2,
    has_more: false,
  });
  expect((await app.get("/customer/aliases?search=team-&size=2&page=4")).json).toMatchObject({
    aliases: [],
    has_more: false,
  });
  expect((await app.get("/customer/aliases?page=0")).status).toBe(422);
});

const activity = async (query: string): Promise<Json> =>
  (await app.get(`/customer/daily/activity?${query}`)).json as Json;
const JANUARY = "start_date=2026-01-01&end_date=2026-01-31";

function metrics(spend: number, calls: number, [prompt, completion, cached]: number[]): object {
  return {
    spend,
    prompt_tokens: prompt,
    completion_tokens: completion,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    total_tokens: (prompt ?? 0) + (completion ?? 0),
    successful_requests: calls,
    failed_requests: 0,
    api_requests: calls,
  };
}

test("a day is broken down by model, provider, endpoint, key and customer", async () => {
  const { results } = await activity("start_date=2026-01-02&end_date=2026-01-02");
  const group = (all: object, keys: Record<string, object>, metadata: object = {}): object => ({
    metrics: all,
    metadata,
    api_key_breakdown: Object.fromEntries(
      Object.entries(keys).map(([key, own]) => [key, { metrics: own, metadata: {} }]),
    ),
  });
  const a = metrics(1, 2, [10, 5, 0]);
  const b1 = metrics(0.000000009, 1, [10, 5, 0]);
  const b2 = metrics(0.500000001, 1, [10, 5, 4]);
  const mock = group(metrics(1.500000001, 3, [20, 10, 4]), { k1: a, k2: b2 });
  const other = group(b1, { k1: b1 });
  const k1 = metrics(1.000000009, 3, [20, 10, 0]);
  const all = metrics(1.50000001, 4, [30, 15, 4]);
  expect(results).toEqual([
    {
      date: "2026-01-02",
      metrics: all,
      breakdown: {
        mcp_servers: {},
        models: { mock, other },
        model_groups: { mock, other },
        providers: { openai: mock, mistral: other },
        endpoints: { "/chat/completions": group(all, { k1, k2: b2 }) },
        api_keys: { k1: group(k1, { k1 }), k2: group(b2, { k2: b2 }) },
        entities: {
          "team-a": group(a, { k1: a }, { alias: "alias of team-a" }),
          "team-b": group(
            metrics(0.50000001, 2, [20, 10, 4]),
            { k1: b1, k2: b2 },
            { alias: "alias of team-b" },
          ),
        },
      },
    },
  ]);
});

test("pages of days come newest first, and totals are of the whole range", async () => {
  const total = {
    total_spend: 7.50000001,
    total_prompt_tokens: 50,
    total_completion_tokens: 25,
    total_tokens: 75,
    total_api_requests: 6,
    total_successful_requests: 6,
    total_failed_requests: 0,
    total_cache_read_input_tokens: 4,
    total_cache_creation_input_tokens: 0,
  };
  const first = await activity(`${JANUARY}&page_size=2`);
  expect(first["metadata"]).toEqual({ ...total, page: 1, total_pages: 2, has_more: true });
  expect(first["results"]).toMatchObject([
    {
      date: "2026-01-05",
      metrics: { spend: 4 },
      breakdown: { entities: { stranger: { metadata: { alias: null } } } },
    },
    { date: "2026-01-03", metrics: { spend: 2 } },
  ]);
  const second = await activity(`${JANUARY}&page_size=2&page=2`);
  expect(second["metadata"]).toEqual({ ...total, page: 2, total_pages: 2, has_more: false });
  expect(second["results"]).toMatchObject([{ date: "2026-01-02", metrics: { spend: 1.50000001 } }]);
  expect(await activity(`${JANUARY}&page=9`)).toMatchObject({ results: [], metadata: { total_pages: 1 } });
});

test.each<[string, number]>([
  ["end_user_ids=team-a", 3],
  ["end_user_ids=team-a,stranger", 7],
  ["exclude_end_user_ids=team-a", 4.50000001],
  ["end_user_ids=team-a,team-b&exclude_end_user_ids=team-b", 3],
  ["model=other", 0.000000009],
  ["api_key=k2", 0.500000001],
  ["end_user_ids=nobody", 0],
])("activity with %s counts these only", async (filter, spend) => {
  expect(await activity(`${JANUARY}&${filter}`)).toMatchObject({ metadata: { total_spend: spend } });
});

test.each([
  ["", 400, { detail: { error: "Please provide start_date and end_date" } }],
  ["start_date=2026-01-01", 400, { detail: { error: "Please provide start_date and end_date" } }],
  ["start_date=2026-01-01&end_date=soon", 422, { detail: [{ loc: ["query", "end_date"] }] }],
  [`${JANUARY}&page=0`, 422, { detail: [{ loc: ["query", "page"] }] }],
  [`${JANUARY}&page_size=1001`, 422, { detail: [{ loc: ["query", "page_size"] }] }],
])("activity with '%s' is %i", async (query, status, answer) => {
  for (const prefix of ["customer", "end_user"]) {
    const refused = await app.get(`/${prefix}/daily/activity?${query}`);
    expect([refused.status, refused.json]).toMatchObject([status, answer]);
  }
});

test("a call is in today's activity as soon as it is answered", async () => {
  const messages = [{ role: "user", content: "Hi" }];
  expect((await app.post("/chat/completions", { model: "mock", user: "team_x", messages })).status).toBe(200);
  const { spend } = await app.customer("team_x");
  const range = `start_date=2026-02-02&end_date=2099-01-01&end_user_ids=team_x`;
  expect(await activity(range)).toMatchObject({
    results: [{ breakdown: { api_keys: { [ACTOR]: { metrics: { spend, api_requests: 1 } } } } }],
    metadata: { total_spend: spend },
  });
});
