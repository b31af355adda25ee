import { UnprocessableEntityError } from "openai";
import type { Page } from "playwright-core";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { MASTER_KEY } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";
import { press, tabTo, typeInto } from "./support/by-keyboard.ts";
import { Dashboard } from "./support/dashboard.ts";

/** The story of the guide for customers, told in the dashboard: once by mouse, once without one. */
let dashboard: Dashboard;

beforeAll(async () => {
  dashboard = await Dashboard.start();
});
afterAll(() => dashboard?.close());
afterEach(() => {
  expect(dashboard.complaints).toEqual([]);
  expect(dashboard.receiver.invalid).toEqual([]);
});

/** Calls until the customer's budget refuses one; answers how many were served. */
async function callUntilRefused(user: string): Promise<number> {
  for (let served = 0; ; served++) {
    try {
      await dashboard.chat(user);
    } catch (error) {
      expect(error).toBeInstanceOf(UnprocessableEntityError);
      return served;
    }
  }
}

/** The signed headers and the exact body that the open panel shows, as the receiver's verifier takes them. */
async function verifyShownEvent(page: Page): Promise<{ id: string; customer_id: string }> {
  const panel = page.getByRole("dialog");
  const names = await panel.locator(".headers dt").allInnerTexts();
  const values = await panel.locator(".headers dd").allInnerTexts();
  const headers = Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  const body = await panel.getByRole("region", { name: "Body" }).innerText();
  const secret = dashboard.receiver.secret as string;
  return new Webhook(secret).verify(body, headers) as { id: string; customer_id: string };
}

/** Waits for the answer of the filter by customer: until then other customers' events stay on show. */
async function onlyEventsOf(page: Page, customer: string): Promise<void> {
  const cells = page.getByRole("table", { name: "Events" }).locator("td.column-customer");
  await waitUntil(`only events of ${customer}`, async () => {
    const customers = await cells.allInnerTexts();
    return customers.length > 0 && customers.every((shown) => shown.trim() === customer);
  });
}

function attemptsOf(eventId: string): number {
  return dashboard.receiver.attempts.filter(({ id }) => id === eventId).length;
}

// Setup     a service whose one model costs a dollar a call.
// Timeline  sign in; tier of $4; customer on it; calls until one is refused; raise; the events and their
//           signature; resend one.
// Proves    the whole path works by mouse, and the figures move without a reload.
test("by mouse: a tier, a customer on it, its spend, its cap, a raise, its events, one sent again", async () => {
  const page = await dashboard.open("", { signedOut: true });
  await page.getByLabel("Master key").fill(MASTER_KEY);
  await page.getByRole("button", { name: "Sign in" }).click();

  await page.getByRole("link", { name: "Budgets" }).click();
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  await page.getByLabel("Budget ID").fill("my-free-tier");
  await page.getByLabel("Max Budget (USD)").fill("4");
  await page.getByLabel("Reset").selectOption("1mo");
  await page.getByRole("button", { name: "Create Budget", exact: true }).click();
  await page.getByRole("row", { name: /my-free-tier \$4\.00/ }).waitFor();

  await page.getByRole("link", { name: "Customers", exact: true }).click();
  await page.getByRole("button", { name: "New Customer" }).click();
  await page.getByLabel("Customer ID").fill("my-customer-id");
  await page.getByRole("dialog").getByLabel("Budget", { exact: true }).selectOption("my-free-tier");
  await page.getByRole("button", { name: "Create Customer" }).click();
  await page.getByRole("link", { name: "my-customer-id" }).click();
  await page.getByRole("img", { name: "0 % of $4.00: $0.00 spent" }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();

  await dashboard.chat("my-customer-id");
  await page.getByRole("img", { name: "25 % of $4.00: $1.00 spent" }).waitFor();
  await page.getByRole("button", { name: "Explain this charge, number 1" }).click();
  await page.getByRole("cell", { name: "× 0.25" }).waitFor();
  await page.keyboard.press("Escape");

  expect(await callUntilRefused("my-customer-id")).toBe(3);
  await page.getByRole("img", { name: "100 % of $4.00: $4.00 spent" }).waitFor();
  await page.getByText("Used up").waitFor();
  await page.getByText("Passed the budget of $4.00").waitFor();

  await page.getByRole("button", { name: "Raise" }).click();
  await page.getByLabel("Max Budget (USD)").fill("10");
  await page.getByText("$6.00 would be left").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Raise" }).click();
  await page.getByRole("img", { name: "40 % of $10.00: $4.00 spent" }).waitFor();
  await dashboard.chat("my-customer-id");
  await page.getByRole("img", { name: "50 % of $10.00: $5.00 spent" }).waitFor();

  await page.getByRole("link", { name: "Events" }).click();
  await page.getByLabel("Customer id").fill("my-customer-id");
  await page.getByLabel("Type").selectOption("budget_crossed");
  await onlyEventsOf(page, "my-customer-id");
  await page
    .getByRole("link", { name: /^budget_crossed/ })
    .last()
    .click();
  await page.getByRole("dialog").getByText("delivered").first().waitFor();
  await page.getByRole("button", { name: "Exact bytes" }).click();
  const event = await verifyShownEvent(page);
  expect(event.customer_id).toBe("my-customer-id");

  expect(attemptsOf(event.id)).toBe(1);
  await page.getByRole("button", { name: "Resend" }).click();
  await page.getByText("Attempt 2").waitFor();
  await page.getByText("by hand").waitFor();
  expect(attemptsOf(event.id)).toBe(2);
  expect(dashboard.receiver.changedDuplicates()).toEqual([]);
  await page.context().close();
});

// Setup, Timeline, Proves: as above, with the keyboard alone.
test("by keyboard: the same without a mouse", async () => {
  const page = await dashboard.open("", { signedOut: true });
  await page.getByLabel("Master key").waitFor();
  await page.keyboard.type(MASTER_KEY);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  await press(page, "Budgets");
  await page.getByRole("heading", { name: "Budgets" }).waitFor();
  await press(page, "+ Create Budget");
  // The dialog begins in its first field.
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("keyboard-tier");
  await typeInto(page, "Max Budget (USD)", "4");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /keyboard-tier \$4\.00/ }).waitFor();

  await press(page, "Customers");
  await page.getByRole("heading", { name: "Customers" }).waitFor();
  await press(page, "New Customer");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("keyboard-customer");
  await tabTo(page, /^Budget/);
  await page.keyboard.type("keyboard-tier");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Customer keyboard-customer created").waitFor();
  await press(page, "keyboard-customer");
  await page.getByRole("img", { name: "0 % of $4.00: $0.00 spent" }).waitFor();

  expect(await callUntilRefused("keyboard-customer")).toBe(4);
  await page.getByRole("img", { name: "100 % of $4.00: $4.00 spent" }).waitFor();
  await press(page, "Raise");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("8");
  await page.keyboard.press("Enter");
  await page.getByRole("img", { name: "50 % of $8.00: $4.00 spent" }).waitFor();

  await press(page, "Events");
  await page.getByRole("heading", { name: "Events" }).waitFor();
  await typeInto(page, "Customer id", "keyboard-customer");
  await onlyEventsOf(page, "keyboard-customer");
  await press(page, /^spend_tracked, evt_/);
  // Before it is there, keys still go to the page behind it.
  await page.getByRole("dialog").waitFor();
  await press(page, "Exact bytes");
  const event = await verifyShownEvent(page);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  // The focus is back where it was, so one key opens the event again.
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Resend" }).waitFor();
  await press(page, "Resend");
  await page.getByText("Attempt 2").waitFor();
  await waitUntil("the second attempt", () => attemptsOf(event.id) === 2);
  await page.context().close();
});
