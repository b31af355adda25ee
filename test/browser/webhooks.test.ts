import { setTimeout as delay } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  deliveriesSchema,
  deliveryDetailSchema,
  endpointHistorySchema,
  endpointsSchema,
  endpointWithSecretSchema,
  eventsSchema,
  replaySchema,
  testResultSchema,
} from "../../src/dashboard/api/schemas/webhooks.ts";
import { newWebhookSecret, Receiver } from "../support/receiver.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Dashboard } from "./support/dashboard.ts";

/** A server that is slower than a live list asks anew, which is every two seconds. */
const SLOW_ANSWER_MS = 2500;

let dashboard: Dashboard;

beforeAll(async () => {
  dashboard = await Dashboard.start();
  await dashboard.chat("acme");
  await waitUntil("the first event", () => dashboard.receiver.accepted.length > 0);
});
afterAll(() => dashboard?.close());
afterEach(() => {
  expect(dashboard.complaints).toEqual([]);
  expect(dashboard.receiver.invalid).toEqual([]);
});

async function ask(method: string, target: string, body?: object): Promise<unknown> {
  const answer = await dashboard.stack.fetch(target, {
    method,
    headers: { "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : await answer.json();
}

test("answers about webhooks are exactly what the dashboard takes them for", async () => {
  endpointsSchema.parse(await ask("GET", "/webhook/endpoints"));
  endpointHistorySchema.parse(await ask("GET", "/webhook/endpoints/default/history?hours=24"));
  const made = endpointWithSecretSchema.parse(
    await ask("POST", "/webhook/endpoints", {
      url: "http://127.0.0.1:9/hook",
      description: "nobody listens",
      event_types: ["budget_reset"],
      customers: ["nobody"],
      headers: { "x-team": "billing" },
      rate_per_second: 0.5,
      signature: "v1+v1a",
      coalesce: { max_events: 10, max_seconds: 5 },
    }),
  );
  testResultSchema.parse(await ask("POST", `/webhook/endpoints/${made.id}/test`, {}));
  testResultSchema.parse(await ask("POST", "/webhook/endpoints/default/test", {}));
  endpointWithSecretSchema.parse(await ask("POST", `/webhook/endpoints/${made.id}/rotate`, {}));
  endpointsSchema.parse(await ask("GET", "/webhook/endpoints"));
  const { data } = deliveriesSchema.parse(await ask("GET", "/webhook/deliveries?limit=5"));
  const id = data[0]?.id ?? "";
  expect(deliveryDetailSchema.parse(await ask("GET", `/webhook/deliveries/${id}`)).attempts).not.toEqual([]);
  eventsSchema.parse(await ask("GET", "/events?limit=5"));
  const range = { endpoint_id: "default", from: "2020-01-01T00:00:00Z", to: "2020-01-02T00:00:00Z" };
  const { id: replay } = replaySchema.parse(await ask("POST", "/webhook/replay", range));
  replaySchema.parse(await ask("GET", `/webhook/replay/${replay}`));
  await ask("DELETE", `/webhook/endpoints/${made.id}`);
});

// Setup     a second receiver.
// Timeline  add it as an endpoint; a test event; reveal, rotate; pause, a call, undo; edit; delete.
// Proves    each is one dialog, the secret shown verifies what arrives, and nothing is lost by a pause.
test("an endpoint is added, tested, its secret shown and rotated, paused, resumed, edited and deleted", async () => {
  const second = await Receiver.start(newWebhookSecret());
  const page = await dashboard.open("endpoints");
  await page.getByRole("button", { name: "Add endpoint" }).click();
  await page.getByLabel("URL").fill(second.url);
  await page.getByLabel("Description").fill("books");
  await page.getByLabel("spend_tracked").check();
  await page.getByRole("dialog").getByRole("button", { name: "Add endpoint" }).click();
  const shown = page.getByRole("region", { name: "signing secret" });
  second.secret = (await shown.innerText()).trim();
  expect(second.secret).toMatch(/^whsec_/);
  await page.getByRole("button", { name: "Done" }).click();

  await page.getByRole("link", { name: second.url }).click();
  const panel = page.getByRole("dialog").first();
  await panel.getByRole("button", { name: "Send test event" }).click();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByText("HTTP 204").waitFor();
  expect(second.accepted).toHaveLength(1);
  await page.keyboard.press("Escape");

  await panel.getByRole("button", { name: "Reveal secret" }).click();
  expect((await shown.innerText()).trim()).toBe(second.secret);
  await page.keyboard.press("Escape");

  await panel.getByRole("button", { name: "Rotate secret" }).click();
  await page.getByRole("button", { name: "Rotate", exact: true }).click();
  await page.getByText("The new signing secret").waitFor();
  const rotated = (await shown.innerText()).trim();
  expect(rotated).not.toBe(second.secret);
  await page.getByRole("button", { name: "Done" }).click();
  await panel.getByText("2 secrets in force").waitFor();

  await panel.getByRole("button", { name: "Pause" }).click();
  await page.getByText(/Nothing is sent until it is resumed/).waitFor();
  await page
    .getByRole("dialog", { name: /^Pause/ })
    .getByRole("button", { name: "Pause" })
    .click();
  await panel.getByText("paused", { exact: true }).waitFor();
  await dashboard.chat("acme");
  await panel.getByRole("button", { name: "Resume" }).click();
  await waitUntil("what was kept meanwhile", () => second.accepted.length === 2);
  const { body, headers } = second.accepted[1]!;
  new Webhook(rotated).verify(body, headers as Record<string, string>);

  await panel.getByRole("button", { name: "Edit" }).click();
  const edit = page.getByRole("dialog", { name: /^Edit/ });
  expect(await edit.getByLabel("Description").inputValue()).toBe("books");
  await edit.getByLabel("Description").fill("ledger");
  await edit.getByRole("button", { name: "Save" }).click();
  await panel.getByText("ledger").waitFor();

  await panel.getByRole("button", { name: "Delete" }).click();
  await page.getByText("No delivery is waiting.").waitFor();
  await page.getByRole("button", { name: "Delete endpoint" }).click();
  await page.getByRole("link", { name: second.url }).waitFor({ state: "detached" });
  expect(second.invalid).toEqual([]);
  await second.close();
  await page.context().close();
});

test("the endpoint of WEBHOOK_URL is edited but for its URL, which is refused at its field", async () => {
  const page = await dashboard.open("endpoints?id=default");
  const panel = page.getByRole("dialog").first();
  await panel.getByRole("button", { name: "Edit" }).click();
  const edit = page.getByRole("dialog", { name: /^Edit/ });
  await edit.getByLabel("Timeout (ms)").fill("21000");
  await edit.getByLabel("URL").fill("https://elsewhere.test/");
  await edit.getByRole("button", { name: "Save" }).click();
  await edit.getByText("is what WEBHOOK_URL says").waitFor();
  await edit.getByLabel("URL").fill(dashboard.receiver.url);
  await edit.getByRole("button", { name: "Save" }).click();
  await page.getByText("Endpoint default changed").waitFor();
  expect(await ask("GET", "/webhook/endpoints/default")).toMatchObject({
    url: dashboard.receiver.url,
    timeout_ms: 21_000,
  });
  await page.context().close();
});

test("a refused event shows each attempt with its answer", async () => {
  const usual = dashboard.receiver.reply;
  dashboard.receiver.reply = (received, response) => {
    if (received.customerId !== "unlucky") return usual(received, response);
    response.writeHead(503, { "content-type": "text/plain" }).end("out for lunch");
    return undefined;
  };
  await dashboard.chat("unlucky");
  const page = await dashboard.open("events?customer_id=unlucky");
  await page.getByRole("link", { name: /^spend_tracked/ }).click();
  const panel = page.getByRole("dialog");
  await panel.getByText("answered 503").first().waitFor();
  await panel.getByRole("region", { name: "Response" }).getByText("out for lunch").first().waitFor();
  await panel.getByText("retrying").waitFor();
  dashboard.receiver.reply = usual;
  await page.context().close();
});

test("a replay tells how many events it queued, and they arrive once more", async () => {
  await dashboard.chat("again");
  const page = await dashboard.open("events?customer_id=again");
  await page.getByRole("row", { name: /spend_tracked.*delivered/ }).waitFor();
  await page.getByRole("button", { name: "Replay" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Customer ID").fill("again");
  await dialog.getByLabel("Which").selectOption("all");
  await dialog.getByRole("button", { name: "Replay" }).click();
  await dialog.getByText("1 event queued; that is all of it.").waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  const arrived = (): number =>
    dashboard.receiver.accepted.filter((one) => one.customerId === "again").length;
  await waitUntil("the event to arrive again", () => arrived() === 2);
  expect(dashboard.receiver.changedDuplicates()).toEqual([]);
  await page.context().close();
});

test("events are filtered by type, state and day, and the address holds the filter", async () => {
  const page = await dashboard.open("events?event=budget_reset");
  await page.getByText("No event matches").waitFor();
  await page.getByLabel("Type").selectOption("spend_tracked");
  await page.getByLabel("State").selectOption("delivered");
  await page
    .getByRole("link", { name: /^spend_tracked/ })
    .first()
    .waitFor();
  await page.getByLabel("to (UTC day)").fill("2020-01-01");
  await page.getByText("No event matches").waitFor();
  expect(new URL(page.url()).searchParams.get("state")).toBe("delivered");
  await page.context().close();
});

// Setup     the list's answers take longer than the pause between two live reloads.
// Timeline  calls come in all the while.
// Proves    a slow answer is shown nevertheless, and no request is given up for the next.
test("a list that is slow to answer is shown while events keep coming in", async () => {
  const page = await dashboard.open("models");
  const lost: string[] = [];
  page.on("requestfailed", (request) => {
    if (request.url().includes("/webhook/deliveries?")) lost.push(request.url());
  });
  await page.route("**/webhook/deliveries?*", async (route) => {
    await delay(SLOW_ANSWER_MS);
    await route.continue();
  });
  await page.getByRole("link", { name: "Events" }).click();
  const row = page.getByRole("row", { name: /spend_tracked/ }).first();
  await waitUntil("a row", async () => {
    await dashboard.chat("steady");
    return row.isVisible();
  });
  expect(lost).toEqual([]);
  await page.context().close();
});
