import { afterEach, expect, test } from "vitest";
import { freePort, LOOPBACK } from "../../src/embedded/child.ts";
import { expectVerified } from "../support/accounts.ts";
import { type Scene, type SceneOptions, startScene } from "../support/scene.ts";
import type { Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const LONG = { timeout: 600_000 };
const CALLERS = 8;
const ROUNDS = 3;

let scene: Scene | null = null;
afterEach(async () => {
  await scene?.dispose();
  scene = null;
});

async function start(options: SceneOptions = {}): Promise<Scene> {
  scene = await startScene(["steady", "other"], {
    ...options,
    env: { PORT: String(await freePort(LOOPBACK)), ...options.env },
  });
  return scene;
}

interface Answered {
  readonly status: number;
  readonly message: string;
  readonly retryAfter: string | null;
  readonly shouldRetry: string | null;
}

/** One call; null when the connection broke. */
async function call(stack: Stack, user: string, model = "steady"): Promise<Answered | null> {
  try {
    const messages = [{ role: "user", content: "How is it?" }];
    const answer = await stack.chat({ model, user, max_tokens: 200, messages });
    const { error } = (await answer.json()) as { error?: { message: string } };
    return {
      status: answer.status,
      message: error?.message ?? "",
      retryAfter: answer.headers.get("retry-after"),
      shouldRetry: answer.headers.get("x-should-retry"),
    };
  } catch {
    return null;
  }
}

async function operator(stack: Stack, path: string, body: object): Promise<void> {
  const answer = await stack.fetch(path, { method: "POST", body: JSON.stringify(body) });
  expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
}

/** A customer whose budget is used up, one that is blocked, and one that may use another model only. */
async function prepareCustomers(stack: Stack): Promise<void> {
  await operator(stack, "/customer/new", {
    user_id: "spent",
    max_budget: 0.00001,
    budget_enforcement: "soft",
  });
  await operator(stack, "/customer/new", { user_id: "blocked", blocked: true });
  await operator(stack, "/customer/new", { user_id: "narrow", models: ["other"] });
  await waitUntil("a used-up budget", async () => (await call(stack, "spent"))?.status === 422);
}

const LIMITED = ["spent", "blocked", "narrow"];

/** Calls without pause until told to stop; resolves with all answers by customer. */
function callOn(stack: Stack): { stop(): Promise<Map<string, Answered[]>> } {
  const answers = new Map<string, Answered[]>(LIMITED.map((user) => [user, []]));
  const stopped = new AbortController();
  const caller = async (turn: number): Promise<void> => {
    for (let at = turn; !stopped.signal.aborted; at++) {
      const user = LIMITED[at % LIMITED.length] ?? "";
      const answer = await call(stack, user);
      if (answer !== null) answers.get(user)?.push(answer);
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const callers = Array.from({ length: CALLERS }, (_, turn) => caller(turn));
  return {
    stop: async () => {
      stopped.abort();
      await Promise.all(callers);
      return answers;
    },
  };
}

/** Of each customer the statuses it was given. */
function statusesOf(answers: ReadonlyMap<string, readonly Answered[]>): Record<string, number[]> {
  return Object.fromEntries(
    [...answers].map(([user, all]) => [
      user,
      [...new Set(all.map(({ status }) => status))].sort((a, b) => a - b),
    ]),
  );
}

// Setup     customers that may not be served; eight connections that keep calling as them.
// Timeline  three times: kill -9 of the proxy alone; it comes back by itself.
// Proves    a proxy that has just begun serves nobody whose limits it does not know, and refuses nobody for long.
test("who may not be served is not served while a killed proxy comes back", LONG, async () => {
  const { stack, upstream } = await start();
  await prepareCustomers(stack);
  const spentBefore = (await stack.customer("spent")).spend;
  const servedBefore = upstream.seen.length;
  for (let round = 0; round < ROUNDS; round++) {
    const calls = callOn(stack);
    const killed = await stack.kill("proxy", "SIGKILL");
    await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
    await waitUntil("readiness", async () => (await stack.fetch("/health/readiness")).status === 200);
    for (let i = 0; i < 10; i++) await Promise.all(LIMITED.map((user) => call(stack, user)));
    expect(statusesOf(await calls.stop())).toEqual({ spent: [422], blocked: [400], narrow: [403] });
  }
  expect(upstream.seen.length).toBe(servedBefore);
  expect((await stack.customer("spent")).spend).toBe(spentBefore);
  await expectVerified(stack.dataDir);
});

// Setup     as above.
// Timeline  the store hangs; calls; the proxy is killed and comes back; calls; the store goes on.
// Proves    what a proxy knew still counts while the store is away; one that knows nothing refuses by name, and says
//           when to come back; both serve again when the store does.
test("without an answer from the store nobody is served without limits", LONG, async () => {
  const { stack, upstream } = await start();
  await prepareCustomers(stack);
  await operator(stack, "/customer/new", { user_id: "free" });
  expect((await call(stack, "free"))?.status).toBe(200);
  await Promise.all(LIMITED.map((user) => call(stack, user)));

  await stack.kill("store", "SIGSTOP");
  expect((await call(stack, "free"))?.status).toBe(200);
  const served = upstream.seen.length;
  expect((await call(stack, "blocked"))?.status).toBe(400);
  expect((await call(stack, "narrow"))?.status).toBe(403);
  expect((await call(stack, "spent"))?.status).toBe(422);

  const killed = await stack.kill("proxy", "SIGKILL");
  await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
  await waitUntil("its door", async () => (await fetch(`${stack.baseUrl}/health/liveliness`)).ok);
  const answers = await Promise.all([...LIMITED, "free", "never-seen"].map((user) => call(stack, user)));
  for (const answer of answers) {
    expect(answer).toEqual({
      status: 503,
      message: expect.stringContaining("limits are not known"),
      retryAfter: "1",
      shouldRetry: "true",
    });
  }
  expect(upstream.seen.length).toBe(served);

  await stack.kill("store", "SIGCONT");
  await waitUntil("readiness", async () => (await stack.fetch("/health/readiness")).status === 200);
  expect((await call(stack, "never-seen"))?.status).toBe(200);
  expect((await call(stack, "blocked"))?.status).toBe(400);
  await expectVerified(stack.dataDir);
});

// Setup     the operator's own choice: unknown_customers_without_store: serve.
// Timeline  the store hangs, the proxy is killed and comes back.
// Proves    the choice is obeyed, the charge waits on the disk and is in the ledger afterwards.
test("an operator may choose to serve whom nobody knows while the store is away", LONG, async () => {
  const { stack } = await start({ generalSettings: { unknown_customers_without_store: "serve" } });
  await stack.kill("store", "SIGSTOP");
  const killed = await stack.kill("proxy", "SIGKILL");
  await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
  await waitUntil("its door", async () => (await fetch(`${stack.baseUrl}/health/liveliness`)).ok);
  expect((await call(stack, "never-seen"))?.status).toBe(200);
  await stack.kill("store", "SIGCONT");
  await waitUntil("the charge", async () => (await stack.customer("never-seen")).sequence === 1);
  await expectVerified(stack.dataDir);
});

// Setup     an upstream whose answer has a header that cannot be sent on.
// Proves    the call is answered and its budget is not held by it.
test("a header that cannot be sent on costs nobody a call or a budget", LONG, async () => {
  const { stack, upstream } = await start();
  upstream.on("steady", async (exchange) => {
    exchange.response.setHeader("x-ratelimit-note", Buffer.from("приклад").toString("latin1"));
    await upstream.usual(exchange);
  });
  await operator(stack, "/customer/new", { user_id: "ada", max_budget: 1 });
  expect((await call(stack, "ada"))?.status).toBe(200);
  await waitUntil("an end of what is held", async () => {
    const answer = await stack.fetch("/customer/info?end_user_id=ada");
    return ((await answer.json()) as { held: number }).held === 0;
  });
});
