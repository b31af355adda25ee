import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Dashboard } from "./support/dashboard.ts";

let dashboard: Dashboard;

beforeAll(async () => {
  dashboard = await Dashboard.start();
  await dashboard.post("/budget/new", { budget_id: "taken", max_budget: 4 });
  await dashboard.post("/customer/new", { user_id: "taken" });
});
afterAll(() => dashboard?.close());
afterEach(() => expect(dashboard.complaints).toEqual([]));

/** Fields of a form by their labels, each with something wrong in it. */
type Wrong = readonly (readonly [label: string, typed: string])[];

async function fillAll(dialog: Locator, wrong: Wrong): Promise<void> {
  for (const [label, typed] of wrong) await dialog.getByLabel(label, { exact: true }).fill(typed);
}

/** The message that belongs to a field, as a screen reader finds it. */
async function messageOf(page: Page, field: Locator): Promise<string> {
  expect(await field.getAttribute("aria-invalid")).toBe("true");
  const ids = ((await field.getAttribute("aria-describedby")) ?? "").split(" ");
  return page.locator(`[id="${ids.find((id) => id.endsWith("-error")) ?? "none"}"]`).innerText();
}

/** Submits one wrong field at a time, so that each is seen to be marked by itself; the others stay as typed. */
async function expectEachMarked(page: Page, dialog: Locator, wrong: Wrong): Promise<Record<string, string>> {
  const messages: Record<string, string> = {};
  for (const [label, typed] of wrong) {
    const field = dialog.getByLabel(label, { exact: true });
    const before = await field.inputValue();
    await field.fill(typed);
    await page.keyboard.press("Enter");
    await dialog.locator("[aria-invalid=true]").first().waitFor();
    messages[label] = await messageOf(page, field);
    expect(await dialog.locator("[aria-invalid=true]").count()).toBe(1);
    expect(await field.inputValue()).toBe(typed);
    // The first wrong field has the focus.
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
    await field.fill(before);
  }
  return messages;
}

test("every field of a budget that is wrong is marked where it is, with the server's message", async () => {
  const page = await dashboard.open("budgets");
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reset", { exact: true }).selectOption("custom");
  await fillAll(dialog, [
    ["Reset after", "12h"],
    ["Budget ID", "fine"],
  ]);
  const messages = await expectEachMarked(page, dialog, [
    ["Budget ID", "x".repeat(300)],
    ["Max Budget (USD)", "four"],
    ["Max Budget (USD)", "-1"],
    ["Soft Budget (USD)", "a lot"],
    ["Reset after", "fortnight"],
    ["TPM", "many"],
    ["RPM", "1.5"],
    ["Parallel", "-2"],
    ["Thresholds (%)", "150"],
    ["Thresholds (%)", "often"],
  ]);
  expect(messages["Max Budget (USD)"]).toContain("must be a non-negative finite number. Received: -1");
  expect(messages["Reset after"]).toContain("a count and a unit");
  expect(messages["RPM"]).toContain("whole number");
  expect(messages["Thresholds (%)"]).toContain('got "often"');

  await dialog.getByLabel("Budget ID").fill("taken");
  await page.keyboard.press("Enter");
  await dialog.getByText("Budget with id 'taken' already exists.").waitFor();
  await dialog.getByLabel("Budget ID").fill("fine");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /^fine/ }).waitFor();
  await page.context().close();
});

test("several wrong fields are all marked at once", async () => {
  const page = await dashboard.open("budgets");
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  const dialog = page.getByRole("dialog");
  await fillAll(dialog, [
    ["TPM", "many"],
    ["RPM", "few"],
    ["Thresholds (%)", "85, 150"],
  ]);
  await page.keyboard.press("Enter");
  await dialog.locator("[aria-invalid=true]").first().waitFor();
  expect(await dialog.locator("[aria-invalid=true]").count()).toBe(3);
  // Also where the server says them in one sentence of LiteLLM's.
  await fillAll(dialog, [
    ["TPM", ""],
    ["RPM", ""],
    ["Thresholds (%)", ""],
    ["Max Budget (USD)", "-1"],
    ["Soft Budget (USD)", "0.00000000005"],
  ]);
  await page.keyboard.press("Enter");
  await dialog.getByText("finer than a nano-dollar").first().waitFor();
  expect(await dialog.locator("[aria-invalid=true]").count()).toBe(2);
  await page.context().close();
});

test("every field of a customer that is wrong is marked where it is", async () => {
  const page = await dashboard.open("customers");
  await page.getByRole("button", { name: "New Customer" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Customer ID").fill("somebody");
  const messages = await expectEachMarked(page, dialog, [
    ["Customer ID", ""],
    ["Customer ID", "taken"],
    ["Alias", "x".repeat(2000)],
    ["Or a budget of its own (USD)", "rich"],
  ]);
  expect(messages["Customer ID"]).toContain("Customer already exists, passed user_id=taken");
  await dialog.getByLabel("Budget", { exact: true }).selectOption("taken");
  await dialog.getByLabel("Or a budget of its own (USD)").fill("5");
  await page.keyboard.press("Enter");
  await dialog.getByText("Set either 'max_budget' or 'budget_id', not both.").waitFor();
  await page.context().close();
});

test("a raise that is no amount is marked, and says what it would mean otherwise", async () => {
  const page = await dashboard.open("customer?id=taken");
  await page.getByRole("button", { name: "Raise" }).click();
  const dialog = page.getByRole("dialog");
  const messages = await expectEachMarked(page, dialog, [["Max Budget (USD)", "plenty"]]);
  expect(messages["Max Budget (USD)"]).toContain('got "plenty"');
  await dialog.getByLabel("Max Budget (USD)").fill("3");
  await dialog.getByText("$3.00 would be left").waitFor();
  await page.context().close();
});

test("every field of an endpoint that is wrong is marked where it is", async () => {
  const page = await dashboard.open("endpoints");
  await page.getByRole("button", { name: "Add endpoint" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("URL").fill("https://example.com/webhook");
  // Enter makes a new line there, so the form is submitted from another field.
  await dialog.getByLabel("Headers").fill("no colon");
  await dialog.getByLabel("URL").press("Enter");
  expect(await messageOf(page, dialog.getByLabel("Headers"))).toContain("a name, a colon and a value");
  await dialog.getByLabel("Headers").fill("webhook-id: mine");
  await dialog.getByLabel("URL").press("Enter");
  await dialog
    .getByText(/webhook-id/)
    .last()
    .waitFor();
  await dialog.getByLabel("Headers").fill("");
  await expectEachMarked(page, dialog, [
    ["URL", "not a url"],
    ["URL", "https://user:secret@example.com/"],
    ["Description", "x".repeat(1500)],
    ["Timeout (ms)", "10"],
    ["Timeout (ms)", "soon"],
    ["At once", "1000"],
    ["Per second", "-1"],
  ]);
  await page.context().close();
});

test("a replay that ends before it begins is marked", async () => {
  const page = await dashboard.open("events");
  await page.getByRole("button", { name: "Replay" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("From").fill("2026-05-02T10:00");
  await dialog.getByLabel("To", { exact: true }).fill("2026-05-01T10:00");
  await page.keyboard.press("Enter");
  await dialog.locator("[aria-invalid=true]").waitFor();
  expect(await messageOf(page, dialog.getByLabel("From"))).toContain("must not be after");
  await page.context().close();
});
