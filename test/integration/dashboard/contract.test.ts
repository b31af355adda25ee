import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { auditSchema } from "../../../src/dashboard/api/schemas/audit.ts";
import {
  budgetPreviewSchema,
  budgetSchema,
  usedBudgetSchema,
} from "../../../src/dashboard/api/schemas/budgets.ts";
import {
  activitySchema,
  callsSchema,
  customerDetailSchema,
  customerSchema,
  explanationSchema,
  heldCustomerSchema,
  movedSchema,
} from "../../../src/dashboard/api/schemas/customers.ts";
import { modelsSchema, overviewSchema } from "../../../src/dashboard/api/schemas/overview.ts";
import { liveSchemas, sessionSchema } from "../../../src/dashboard/api/schemas/session.ts";
import { DashboardApp, KEY } from "../../support/dashboard-app.ts";
import { enoughOfTheDay } from "../../support/day-and-hour.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** What the dashboard believes of the server: each answer must be what its types say, and nothing else. */
let app: DashboardApp;
const DAY_MS = 86_400_000;
const today = (): string => new Date().toISOString().slice(0, 10);
const lastWeek = (): string => new Date(Date.now() - 6 * DAY_MS).toISOString().slice(0, 10);

beforeAll(async () => {
  await enoughOfTheDay();
  app = await DashboardApp.start();
  await app.ok("POST", "/budget/new", {
    budget_id: "tier",
    max_budget: 0.00002,
    soft_budget: 0.00001,
    budget_duration: "1mo",
    thresholds: [0.5],
    model_max_budget: {
      m: { budget_limit: 1, time_period: "1d" },
      n: { max_budget: 1, budget_duration: "1d" },
      o: { max_budget: 1 },
      p: 1,
    },
  });
  await app.ok("POST", "/customer/new", { user_id: "rich", alias: "Rich" });
  await app.ok("POST", "/customer/new", { user_id: "poor", budget_id: "tier" });
  await app.chat("rich");
  await app.chat("rich", { model: "free" });
  await app.chat("poor", { max_tokens: 8 });
  await app.chat("poor", { max_tokens: 64 });
  await app.chat("poor", { max_tokens: 64 });
});
afterAll(() => app.close());

/** The answer, after checking that it is exactly what the schema says. */
async function read<T>(schema: z.ZodType<T>, target: string): Promise<T> {
  return z.parse(schema, await app.ok("GET", target));
}

test("a session is what the dashboard takes it for", async () => {
  const answer = await app.call("POST", "/ui/api/session", { headers: {}, body: { key: KEY } });
  expect(sessionSchema.parse(answer.json).csrf_token).not.toBe("");
});

test("customers, with and without what calls in flight hold", async () => {
  await read(z.array(customerSchema).length(2), "/customer/list");
  const rows = await read(
    z.array(heldCustomerSchema),
    "/customer/list?held=true&sort=utilization&order=desc&search=&budget_id=&limit=50",
  );
  expect(rows.map((row) => row.user_id)).toEqual(["poor", "rich"]);
  const poor = await read(customerDetailSchema, "/customer/info?end_user_id=poor");
  expect(poor.litellm_budget_table?.budget_id).toBe("tier");
});

test("a customer's calls, its days, and one charge as arithmetic", async () => {
  const { data } = await read(callsSchema, "/customer/rich/calls?limit=20");
  // Another test, in whichever order, calls once more.
  expect(data.slice(-2).map((call) => [call.model, call.unpriced])).toEqual([
    ["free", true],
    ["m", false],
  ]);
  for (const call of data) {
    const charge = await read(explanationSchema, `/spend/explain/${call.request_id}`);
    expect(charge.cost).toBe(call.cost);
  }
  const { days } = await read(activitySchema, `/customer/rich/activity?from=${lastWeek()}&to=${today()}`);
  expect(days).toHaveLength(7);
});

test("budgets with their usage, a preview, and the record of changes", async () => {
  const [tier] = await read(z.array(usedBudgetSchema).length(1), "/budget/list?usage=true");
  expect(tier?.customers).toBe(1);
  z.array(budgetSchema).parse(await app.ok("POST", "/budget/info", { budgets: ["tier"] }));
  budgetPreviewSchema.parse(
    await app.ok("POST", "/budget/preview", { budget_id: "tier", max_budget: "0.000001" }),
  );
  const { data } = await read(auditSchema, "/audit?target_id=poor&limit=20");
  expect(data[0]?.action).toBe("customer.create");
});

test("moving customers says where they were", async () => {
  await app.ok("POST", "/customer/new", { user_id: "mover", budget_id: "tier" });
  const moved = movedSchema.parse(
    await app.ok("POST", "/customer/move", { user_ids: ["mover"], budget_id: null }),
  );
  expect(moved.previous).toEqual([{ user_id: "mover", budget_id: "tier" }]);
  await app.ok("POST", "/customer/delete", { user_ids: ["mover"] });
});

test("the overview and the models", async () => {
  const overview = await waitUntil("the refused calls to be counted", async () => {
    const found = await read(overviewSchema, `/spend/overview?from=${lastWeek()}&to=${today()}`);
    return found.refused.calls > 0 && found;
  });
  expect(overview.days).toHaveLength(7);
  expect(overview.unpriced).toEqual({ calls: 1, models: { free: 1 } });
  const { data } = await read(modelsSchema, "/model/info");
  expect(data.map((model) => [model.model_name, model.source])).toEqual([
    ["m", "deployment"],
    ["free", null],
  ]);
});

test("the live stream's messages", async () => {
  const { cookie } = await app.signIn();
  const aborter = new AbortController();
  const answer = await fetch(`${app.base()}/ui/api/live`, { headers: cookie, signal: aborter.signal });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  await app.chat("rich");
  await app.ok("POST", "/customer/block", { user_ids: ["rich"] });
  await app.ok("POST", "/budget/update", { budget_id: "tier", rpm_limit: 100 });
  const names = (): string[] => [...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1] ?? "");
  while (!names().includes("spend") || names().filter((name) => name === "change").length < 2) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended: ${text}`);
    text += value;
  }
  aborter.abort();
  for (const [, name, data] of text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)) {
    liveSchemas[name as keyof typeof liveSchemas].parse(JSON.parse(data ?? ""));
  }
});
