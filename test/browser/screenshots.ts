import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { waitUntil } from "../support/wait-until.ts";
import { Dashboard } from "./support/dashboard.ts";
import { seedShop, SHOP_MODELS, type Shop } from "./support/shop.ts";

/** `npm run screenshots`: pictures of every tab in both themes, of a shop that is the same every time. */
const FOLDER = path.join(import.meta.dirname, "../../docs/screenshots");
const THEMES = ["light", "dark"] as const;

interface Picture {
  readonly name: string;
  readonly place: (shop: Shop) => string;
  readonly show?: (page: Page) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  { name: "overview", place: () => "" },
  { name: "customers", place: () => "customers?sort=utilization" },
  { name: "customer", place: ({ customer }) => `customer?id=${customer}` },
  { name: "budgets", place: () => "budgets" },
  { name: "create-budget", place: () => "budgets", show: createBudget },
  { name: "events", place: () => "events" },
  { name: "event", place: ({ delivery }) => `events?id=${delivery}` },
  { name: "endpoints", place: () => "endpoints" },
  { name: "endpoint", place: () => "endpoints?id=default" },
  { name: "models", place: () => "models" },
];

async function createBudget(page: Page): Promise<void> {
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  await page.getByLabel("Budget ID").fill("my-premium-tier");
  await page.getByLabel("Max Budget (USD)").fill("250");
  await page.getByLabel("Reset").selectOption("1mo");
  await page.getByLabel("Soft Budget (USD)").fill("200");
  await page.getByLabel("RPM").fill("600");
}

/** What happens in a shop beside calls: limits that are passed, calls that are refused, an endpoint that is down. */
async function stir(dashboard: Dashboard, shop: Shop): Promise<void> {
  const { stack } = dashboard;
  await dashboard.post("/webhook/endpoints", {
    url: "http://127.0.0.1:9/warehouse",
    description: "Data warehouse",
    event_types: ["spend_tracked", "budget_crossed"],
  });
  const { spend } = await stack.customer(shop.customer);
  // 88 % of it is spent: a threshold is passed, and the rest will not last.
  await dashboard.post("/customer/update", { user_id: shop.customer, max_budget: (spend / 0.88).toFixed(2) });
  await dashboard.post("/customer/new", { user_id: "over-the-top", max_budget: 0 });
  for (let call = 0; call < 14; call++) {
    await stack.chat({
      model: "gpt-4o",
      messages: [{ role: "user", content: "Hello!" }],
      user: "over-the-top",
    });
    await dashboard.chat(
      call % 3 === 0 ? shop.customer : "my-customer-id",
      call % 2 === 0 ? "gpt-4o" : "mistral",
    );
  }
  await waitUntil("what was passed to be told", async () => {
    const answer = await stack.fetch(
      `/webhook/deliveries?customer_id=${shop.customer}&event=threshold_crossed`,
    );
    return ((await answer.json()) as { data: object[] }).data.length > 0;
  });
  await waitUntil("an endpoint that keeps failing", async () => {
    const answer = await stack.fetch("/webhook/endpoints");
    const { data } = (await answer.json()) as { data: { stats: { breaker: string } }[] };
    return data.some(({ stats }) => stats.breaker === "open");
  });
}

async function take(dashboard: Dashboard, shop: Shop, theme: (typeof THEMES)[number]): Promise<void> {
  for (const { name, place, show } of PICTURES) {
    const page = await dashboard.open(place(shop), { theme });
    await page.locator("h1").first().waitFor();
    for (const waiting of [".loading", "[aria-busy=true]"]) {
      await page.locator(waiting).first().waitFor({ state: "detached" });
    }
    await show?.(page);
    const file = path.join(FOLDER, `${name}-${theme}.png`);
    await page.screenshot({ path: file });
    process.stdout.write(`${file}\n`);
    await page.context().close();
  }
}

mkdirSync(FOLDER, { recursive: true });
const dashboard = await Dashboard.start({ models: SHOP_MODELS });
try {
  const shop = await seedShop(dashboard, { customers: 240, charges: 15_000, days: 60 });
  await stir(dashboard, shop);
  for (const theme of THEMES) await take(dashboard, shop, theme);
  if (dashboard.complaints.length > 0) throw new Error(dashboard.complaints.join("\n"));
} finally {
  await dashboard.close();
}
