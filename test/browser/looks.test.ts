import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dashboard } from "./support/dashboard.ts";
import { seedShop, SHOP_MODELS, type Shop } from "./support/shop.ts";

/** What a company with customers sees, on every tab: readable, reachable, and no wider than the screen. */
let dashboard: Dashboard;
let shop: Shop;

beforeAll(async () => {
  dashboard = await Dashboard.start({ models: SHOP_MODELS });
  shop = await seedShop(dashboard, { customers: 12, charges: 400, days: 40 });
});
afterAll(() => dashboard?.close());

/** Every tab and what lies over some of them; `show` brings it about. */
interface View {
  readonly name: string;
  readonly place: () => string;
  readonly show?: (page: Page) => Promise<void>;
}

const click =
  (name: string) =>
  async (page: Page): Promise<void> => {
    await page.getByRole("button", { name, exact: true }).first().click();
    await page.getByRole("dialog").waitFor();
  };

const VIEWS: readonly View[] = [
  { name: "overview", place: () => "" },
  { name: "customers", place: () => "customers" },
  { name: "new customer", place: () => "customers", show: click("New Customer") },
  { name: "customer", place: () => `customer?id=${shop.customer}` },
  { name: "raise", place: () => `customer?id=${shop.customer}`, show: click("Raise") },
  { name: "budgets", place: () => "budgets" },
  { name: "create budget", place: () => "budgets", show: click("+ Create Budget") },
  { name: "events", place: () => "events" },
  { name: "one event", place: () => `events?id=${shop.delivery}` },
  { name: "endpoints", place: () => "endpoints" },
  { name: "one endpoint", place: () => "endpoints?id=default" },
  { name: "add endpoint", place: () => "endpoints", show: click("Add endpoint") },
  { name: "models", place: () => "models" },
  { name: "days without calls", place: () => "?from=2020-01-01&to=2020-01-07" },
  { name: "nobody of that name", place: () => "customer?id=ghost" },
  { name: "no event matches", place: () => "events?state=exhausted" },
];

/** Shows a view and waits until nothing in it is loading any more. */
async function look({ place, show }: View, page: Page): Promise<void> {
  await page.goto(dashboard.url(place()));
  await page.locator("h1").first().waitFor();
  await settled(page);
  await show?.(page);
  await settled(page);
}

async function settled(page: Page): Promise<void> {
  await page.locator(".loading").first().waitFor({ state: "detached" });
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
}

const SERIOUS = new Set(["serious", "critical"]);

/** Themes differ in nothing but colours. */
const RULES = { light: "{}", dark: "{ runOnly: ['color-contrast'] }" } as const;

test.each(["light", "dark"] as const)("axe finds nothing serious on any tab, %s", async (theme) => {
  const page = await dashboard.open("", { theme });
  const found: string[] = [];
  for (const view of VIEWS) {
    await look(view, page);
    await page.evaluate(axe.source);
    const results = await page.evaluate<AxeResults>(`axe.run(document, ${RULES[theme]})`);
    // Over a chart axe cannot tell what lies behind a dialog; the page itself it can.
    if (view.show === undefined) expect(results.passes.length).toBeGreaterThan(0);
    for (const { id, impact, nodes } of results.violations) {
      if (!SERIOUS.has(impact ?? "")) continue;
      found.push(`${view.name}: ${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
    }
  }
  expect(found).toEqual([]);
  expect(dashboard.complaints).toEqual([]);
  await page.context().close();
});

test("the sign-in page has nothing serious either", async () => {
  const page = await dashboard.open("", { signedOut: true });
  await page.getByLabel("Master key").waitFor();
  await page.evaluate(axe.source);
  const results = await page.evaluate<AxeResults>("axe.run(document)");
  expect(results.violations.filter(({ impact }) => SERIOUS.has(impact ?? ""))).toEqual([]);
  await page.context().close();
});

test.each([390, 820])("at %i pixels no page and no dialog is wider than the screen", async (width) => {
  const page = await dashboard.open("", { width, height: 844 });
  const found: string[] = [];
  for (const view of VIEWS) {
    await look(view, page);
    const wide = await page.evaluate(() => ({
      page: document.documentElement.scrollWidth,
      dialogs: [...document.querySelectorAll("dialog")].map((dialog) => dialog.scrollWidth),
    }));
    if (wide.page > width || wide.dialogs.some((dialog) => dialog > width)) {
      found.push(`${view.name}: ${JSON.stringify(wide)}`);
    }
  }
  expect(found).toEqual([]);
  await page.context().close();
});

test("every chart has its figures as text", async () => {
  const page = await dashboard.open("");
  await settled(page);
  const chart = page.getByRole("img", { name: /^Spend per day by model: \$/ });
  await chart.waitFor();
  await page.getByText("Show as table").click();
  const table = page.getByRole("region", { name: "Spend per day" });
  expect(await table.getByRole("row").count()).toBe(31);
  expect(await table.getByRole("cell").nth(1).innerText()).toMatch(/^\$\d/);

  await page.goto(dashboard.url(`customer?id=${shop.customer}`));
  await page.getByRole("img", { name: /left until/ }).waitFor();
  await page.goto(dashboard.url("endpoints?id=default"));
  await page.getByRole("img", { name: /^Lag per hour, at worst/ }).waitFor();
  await page.context().close();
});

test("the theme follows the system until it is chosen, and the choice is kept", async () => {
  const page = await dashboard.open("", { theme: "dark" });
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole("button", { name: "Light theme" }).waitFor();
  const dark = await background();
  await page.getByRole("button", { name: "Light theme" }).click();
  await page.getByRole("button", { name: "Dark theme" }).waitFor();
  const light = await background();
  expect(light).not.toBe(dark);
  await page.reload();
  await page.getByRole("button", { name: "Dark theme" }).waitFor();
  expect(await background()).toBe(light);
  await page.context().close();
});

test("the page asks nobody but its own server for anything", async () => {
  const page = await dashboard.open("", { signedOut: true });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).origin));
  await page.reload();
  await page.getByLabel("Master key").waitFor();
  expect(new Set(asked)).toEqual(new Set([dashboard.stack.baseUrl]));
  await page.context().close();
});
