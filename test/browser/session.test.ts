import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { MASTER_KEY } from "../support/stack.ts";
import { Dashboard } from "./support/dashboard.ts";

let dashboard: Dashboard;

beforeAll(async () => {
  dashboard = await Dashboard.start();
});
afterAll(() => dashboard?.close());
afterEach(() => expect(dashboard.complaints).toEqual([]));

test("a wrong key is said where it was typed and keeps what was typed; the right one opens the page asked for", async () => {
  const page = await dashboard.open("budgets", { signedOut: true });
  const key = page.getByLabel("Master key");
  await key.fill("sk-wrong");
  await page.keyboard.press("Enter");
  await page.getByText("This is not the operator's key").waitFor();
  expect(await key.inputValue()).toBe("sk-wrong");
  expect(await key.getAttribute("aria-invalid")).toBe("true");
  await key.fill(MASTER_KEY);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Budgets" }).waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Master key").waitFor();
  await page.reload();
  await page.getByLabel("Master key").waitFor();
  await page.context().close();
});

// Setup     signed in, with a half-filled form in a dialog; then the session is gone.
// Timeline  submit; sign in over the dialog.
// Proves    nothing typed is lost, and the submit is carried out once someone has signed in.
test("a session that ends asks for the key over the page, and what was submitted goes through then", async () => {
  const page = await dashboard.open("budgets");
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  await page.getByLabel("Budget ID").fill("typed-before");
  await page.getByLabel("Max Budget (USD)").fill("12.5");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Create Budget", exact: true }).click();

  const expired = page.getByRole("dialog", { name: "Your session has ended" });
  await expired.waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expired.waitFor();
  expect(await page.getByLabel("Budget ID").inputValue()).toBe("typed-before");
  await expired.getByLabel("Master key").fill(MASTER_KEY);
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /typed-before \$12\.50/ }).waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.context().close();
});

test("signing in anew in another tab keeps the first one going, writes included", async () => {
  const page = await dashboard.open("budgets");
  await page.getByRole("heading", { name: "Budgets" }).waitFor();
  await page
    .context()
    .request.post(`${dashboard.stack.baseUrl}/ui/api/session`, { data: { key: MASTER_KEY } });
  await page.getByRole("button", { name: "+ Create Budget" }).click();
  await page.getByLabel("Budget ID").fill("from-the-first-tab");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /^from-the-first-tab/ }).waitFor();
  await page.context().close();
});

// Setup     an open customer; then every process of the service is killed.
// Timeline  it is started again at the same port, with the same data.
// Proves    the loss is said, a form keeps what was typed while the server was away, and figures are
//           fresh once it is back, without a reload.
test("while the server is away the page says so, and goes on when it is back", async () => {
  await dashboard.chat("patient");
  const page = await dashboard.open("customer?id=patient");
  await page.getByText("$1.00").first().waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Raise" }).click();
  await page.getByLabel("Max Budget (USD)").fill("77");

  await dashboard.stack.killAll();
  await page.getByText("The connection to Spendhook is lost").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Raise" }).click();
  // Behind the form, what could not be read again says so, too.
  await page.getByRole("dialog").getByText("The server cannot be reached").waitFor();
  expect(await page.getByLabel("Max Budget (USD)").inputValue()).toBe("77");

  await dashboard.stack.restart();
  await page.getByText("Connected again").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Raise" }).click();
  await page.getByText("of $77.00").waitFor();
  await dashboard.chat("patient");
  await page.getByRole("img", { name: /\$2\.00 spent/ }).waitFor();
  await page.context().close();
});

test("a page whose server never answers says that, with a way to try again", async () => {
  const page = await dashboard.open("", { signedOut: true });
  await page.route("**/ui/api/session", (route) => route.abort());
  await page.reload();
  await page.getByText("Spendhook gives no answer").waitFor();
  await page.unroute("**/ui/api/session");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByLabel("Master key").waitFor();
  await page.context().close();
});
