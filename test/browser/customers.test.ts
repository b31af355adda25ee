import { readFile } from "node:fs/promises";
import type { Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import { Dashboard } from "./support/dashboard.ts";

let dashboard: Dashboard;
const ids = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `c-${String(at).padStart(3, "0")}`);

beforeAll(async () => {
  dashboard = await Dashboard.start();
  await dashboard.post("/budget/new", { budget_id: "small", max_budget: 2 });
  await dashboard.post("/budget/new", { budget_id: "large", max_budget: 50 });
  for (const user_id of ids(60)) {
    await dashboard.post("/customer/new", { user_id, alias: `Firm ${user_id}`, budget_id: "small" });
  }
  await dashboard.post("/customer/new", { user_id: "=cmd|'/C calc'!A0", alias: 'Odd, "quoted" one' });
  await dashboard.chat("c-007");
  await dashboard.chat("c-007");
  await dashboard.chat("c-003");
});
afterAll(() => dashboard?.close());
afterEach(() => expect(dashboard.complaints).toEqual([]));

/** GET /customer/info, as far as these tests look. */
async function customer(id: string): Promise<{ blocked: boolean; budget_id: string | null }> {
  const answer = await dashboard.stack.fetch(`/customer/info?end_user_id=${encodeURIComponent(id)}`);
  return (await answer.json()) as { blocked: boolean; budget_id: string | null };
}

test("the list is searched as one types, by id and by alias, and the address says how", async () => {
  const page = await dashboard.open("customers");
  const rows = page.getByRole("table", { name: "Customers" }).locator("tbody tr");
  await page.getByRole("link", { name: "c-007" }).waitFor();
  // Answers to the first letters are kept back until the answer to the last is on show.
  const early: Route[] = [];
  await page.route(/\/customer\/list\?.*search=/, (route) => {
    if (route.request().url().includes("search=firm+c-04&")) return route.continue();
    early.push(route);
    return undefined;
  });
  for (const letters of ["firm", " c-0", "4"]) {
    await page.getByLabel("Search id or alias").pressSequentially(letters);
    await page.waitForURL((url) => url.searchParams.get("search")?.endsWith(letters) === true);
  }
  await waitUntil("ten rows", async () => (await rows.count()) === 10);
  expect(early.length).toBeGreaterThan(0);
  // Who has asked for them has given them up: there may be nobody left to answer.
  await Promise.allSettled(early.map((route) => route.continue()));
  await page.unroute(/\/customer\/list\?.*search=/);
  expect(await rows.count()).toBe(10);

  await page.getByLabel("Search id or alias").fill("nobody-has-this");
  await page.getByText("No customer matches").waitFor();
  await page.context().close();
});

test("sorting, paging and filters live in the address: reload and back do what they should", async () => {
  const page = await dashboard.open("customers?search=c-0");
  await page.getByText("50 customers on this page").waitFor();
  const heading = page.getByRole("columnheader", { name: "Customer", exact: true });
  await heading.getByRole("button").click();
  await heading.and(page.locator("[aria-sort=ascending]")).waitFor();
  await page.getByRole("link", { name: "c-000", exact: true }).waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("10 customers on this page").waitFor();
  await page.getByRole("link", { name: "c-059", exact: true }).waitFor();
  await page.reload();
  await page.getByText("10 customers on this page").waitFor();
  await page.goBack();
  await page.getByText("50 customers on this page").waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("10 customers on this page").waitFor();
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByText("50 customers on this page").waitFor();
  await page.getByLabel("Budget", { exact: true }).selectOption("large");
  await page.getByText("No customer matches").waitFor();
  await page.goBack();
  await page.getByText("50 customers on this page").waitFor();
  await page.context().close();
});

test("the export is what the filter shows, and no cell can be taken for a formula", async () => {
  const page = await dashboard.open("customers?search=%3Dcmd");
  await page.getByRole("link", { name: "=cmd" }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export CSV" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trimEnd().split(/\r?\n/);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain("'=cmd|'/C calc'!A0");
  await page.context().close();
});

test("many are moved to a tier at once, after saying whom that puts over, and moved back with one click", async () => {
  const page = await dashboard.open("customers?search=c-00&sort=user_id");
  for (const id of ["c-003", "c-007", "c-008"]) await page.getByLabel(`Select ${id}`).check();
  await page.getByText("3 customers selected").waitFor();
  await page.getByRole("button", { name: "Assign budget" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Budget").selectOption("small");
  await dialog.getByText("1 customer would be over $2.00 at once").waitFor();
  await dialog.getByLabel("Budget").selectOption("large");
  await dialog.getByText("None of them has spent $50.00").waitFor();
  await dialog.getByRole("button", { name: "Assign budget" }).click();
  await page.getByText("3 customers moved to large").waitFor();
  expect((await customer("c-007")).budget_id).toBe("large");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("3 customers moved back").waitFor();
  expect((await customer("c-007")).budget_id).toBe("small");
  await page.context().close();
});

test("blocking asks once and is undone with one click; who is blocked already is left alone", async () => {
  await dashboard.post("/customer/block", { user_ids: ["c-011"] });
  const page = await dashboard.open("customers?search=c-01&sort=user_id");
  await page.getByRole("checkbox", { name: "Select this page" }).check();
  await page.getByText("10 customers selected").waitFor();
  await page.getByRole("button", { name: "Block", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Block 9 customers?" });
  await dialog.getByText("1 customer is blocked already").waitFor();
  await dialog.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByText("9 customers blocked").waitFor();
  expect((await customer("c-012")).blocked).toBe(true);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("9 customers unblocked").waitFor();
  expect((await customer("c-012")).blocked).toBe(false);
  expect((await customer("c-011")).blocked).toBe(true);
  await page.context().close();
});

test("a budget is edited with a preview and put back with one click, and deleted after being asked", async () => {
  await dashboard.post("/budget/new", { budget_id: "edited", max_budget: 5, budget_duration: "1mo" });
  await dashboard.post("/customer/move", { user_ids: ["c-003"], budget_id: "edited" });
  const page = await dashboard.open("budgets");
  await page.getByRole("button", { name: "Edit edited" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("No customer would be over today").waitFor();
  await dialog.getByLabel("Max Budget (USD)").fill("0.5");
  await dialog.getByText("1 customer would be over today").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page
    .getByRole("row", { name: /edited \$0\.50/ })
    .getByText("1 over")
    .waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("row", { name: /edited \$5\.00/ }).waitFor();

  await page.getByRole("button", { name: "Delete edited" }).click();
  await page.getByRole("dialog").getByText("1 customer will go on without this limit").waitFor();
  await page.getByRole("button", { name: "Delete Budget" }).click();
  await page.getByText("Budget edited deleted").waitFor();
  expect((await customer("c-003")).budget_id).toBeNull();
  await page.context().close();
});

test("the overview and the list move with a call that was made elsewhere", async () => {
  const overview = await dashboard.open("");
  const list = await dashboard.open("customers?search=walk-in");
  await list.getByText("No customer matches").waitFor();
  await overview.getByText("Live", { exact: true }).waitFor();
  await dashboard.chat("walk-in");
  await overview.getByRole("link", { name: "walk-in" }).waitFor();
  await list.reload();
  await list.getByText("$1.00").waitFor();
  await list.getByText("Live", { exact: true }).waitFor();
  await dashboard.chat("walk-in");
  await list.getByText("$2.00").waitFor();
  await overview.context().close();
  await list.context().close();
});

test("a customer with any id has a page of its own", async () => {
  const id = "a/../b?c=d&e#f %2F ü";
  await dashboard.chat(id);
  const page = await dashboard.open("customers?search=a%2F");
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("heading", { name: id }).waitFor();
  await page.getByRole("button", { name: "Explain this charge, number 1" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: id }).waitFor();
  await page.context().close();
});

test("a dialog that the browser closes by itself is closed for the page, too", async () => {
  const page = await dashboard.open("customers");
  for (const _ of [1, 2]) {
    await page.getByRole("button", { name: "New Customer" }).click();
    await page.getByLabel("Customer ID").waitFor();
    await page.evaluate(() => document.querySelector("dialog")?.close());
    await page.locator("dialog").waitFor({ state: "detached" });
  }
  await page.context().close();
});

test("a customer that is not there is told with the call that would make one", async () => {
  const page = await dashboard.open("customer?id=ghost");
  await page.getByText("There is no such customer").waitFor();
  expect(await page.getByRole("region", { name: "curl line" }).innerText()).toContain('"user":"ghost"');
  await page.context().close();
});
