import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardApp } from "../../support/dashboard-app.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface LiveEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** What a browser's EventSource would have been told. */
class Listener {
  readonly events: LiveEvent[] = [];
  readonly response: Response;
  ended = false;
  text = "";
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    void this.#read();
  }

  static async open(app: DashboardApp, proxy: number, headers: Record<string, string>): Promise<Listener> {
    const abort = new AbortController();
    const response = await fetch(`${app.base(proxy)}/ui/api/live`, { headers, signal: abort.signal });
    return new Listener(response, abort);
  }

  async #read(): Promise<void> {
    try {
      for await (const chunk of this.response.body?.pipeThrough(new TextDecoderStream()) ?? [])
        this.#take(chunk);
    } catch {
      // Closed by the test, or cut off.
    }
    this.ended = true;
  }

  #take(chunk: string): void {
    this.text += chunk;
    const frames = this.text.split("\n\n").slice(0, -1);
    this.events.length = 0;
    for (const frame of frames) {
      const event = /^event: (.+)$/m.exec(frame)?.[1];
      const data = /^data: (.+)$/m.exec(frame)?.[1];
      if (event !== undefined && data !== undefined) {
        this.events.push({ event, data: JSON.parse(data) as Record<string, unknown> });
      }
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

let app: DashboardApp;
beforeAll(async () => {
  app = await DashboardApp.start({ proxies: 2, liveHeartbeatMs: 50 });
});
afterAll(() => app.close());

test("a call on any proxy is told to whoever looks on, on the other one too", async () => {
  const { cookie } = await app.signIn();
  const listeners = [await Listener.open(app, 0, cookie), await Listener.open(app, 1, cookie)];
  for (const { response } of listeners) {
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
  // The other process has to be listening: the first words may be said before it is.
  let calls = 0;
  await waitUntil("the spend on both proxies", async () => {
    calls++;
    await app.chat("live-1", {}, 0);
    return listeners.every(({ events }) =>
      events.some(({ event, data }) => event === "spend" && data["customer_id"] === "live-1"),
    );
  });
  const { spend } = await app.ok<{ spend: number }>("GET", "/customer/info?end_user_id=live-1");
  await waitUntil("the last spend on both proxies", () =>
    listeners.every(({ events }) => {
      const last = events.findLast(({ event }) => event === "spend");
      return last?.data["sequence"] === calls && last.data["spend"] === spend;
    }),
  );
  for (const listener of listeners) listener.close();
});

test("what an operator changes is told on every proxy", async () => {
  const { cookie } = await app.signIn();
  const listeners = [await Listener.open(app, 0, cookie), await Listener.open(app, 1, cookie)];
  await app.ok("POST", "/customer/new", { user_id: "changed-1" });
  await app.ok("POST", "/budget/new", { budget_id: "changed-tier", max_budget: 1 });
  await waitUntil("both changes on both proxies", () =>
    listeners.every(({ events }) => {
      const told = events.filter(({ event }) => event === "change").map(({ data }) => data);
      return (
        told.some((data) => data["kind"] === "customers" && String(data["ids"]) === "changed-1") &&
        told.some((data) => data["kind"] === "budget" && data["id"] === "changed-tier")
      );
    }),
  );
  for (const listener of listeners) listener.close();
});

test("comments keep the stream open, and the end of its session ends it", async () => {
  const { cookie, write } = await app.signIn();
  const listener = await Listener.open(app, 1, cookie);
  await waitUntil("a heartbeat", () => listener.text.includes(": still here\n\n"));
  expect(listener.ended).toBe(false);
  await app.call("DELETE", "/ui/api/session", { headers: write, proxy: 0 });
  await waitUntil("the end of the stream", () => listener.ended);
  const again = await app.call("GET", "/ui/api/live", { headers: cookie });
  expect(again.status).toBe(401);
});

test("a stopping proxy ends its streams at once and drains", async () => {
  const two = await DashboardApp.start({ proxies: 1 });
  const { cookie } = await two.signIn();
  const listener = await Listener.open(two, 0, cookie);
  await two.stop(0);
  await waitUntil("the end of the stream", () => listener.ended);
  await two.close();
});
