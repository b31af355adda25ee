import OpenAI, {
  BadRequestError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectVerified } from "../support/accounts.ts";
import { ExtraProxy } from "../support/extra-proxy.ts";
import {
  type Exchange,
  type FakeUpstream,
  openStream,
  sendChunk,
  sendDelta,
  wireUsage,
} from "../support/fake-upstream.ts";
import { readLedger } from "../support/ledger-rows.ts";
import type { Receiver } from "../support/receiver.ts";
import { type Scene, startScene } from "../support/scene.ts";
import { MASTER_KEY, type Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const USD = 1_000_000_000n;
const LONG = { timeout: 600_000 };
let scene: Scene;
let upstream: FakeUpstream;
let receiver: Receiver;
let stack: Stack;
let proxies: ExtraProxy[];
/** Each test has customers of its own, all tests one service. */
let ada: string;
let tests = 0;

beforeAll(async () => {
  scene = await startScene(["fixed", "open"], {
    params: { input_cost_per_token: 0, output_cost_per_token: "0.0001" },
    // A tier that exists only where a test makes it.
    litellmSettings: { max_end_user_budget_id: "default-tier" },
  });
  ({ upstream, receiver, stack } = scene);
  // Ten cents, whatever was asked.
  upstream.on("fixed", async (exchange) => {
    await pause(20);
    await (exchange.body.stream === true
      ? upstream.stream(exchange, { prompt: 5, completion: 1000 })
      : upstream.whole(exchange, { prompt: 5, completion: 1000 }));
  });
});
afterAll(() => scene?.dispose());
beforeEach(() => {
  proxies = [];
  ada = `ada-${++tests}`;
  upstream.seen.length = 0;
  return async () => {
    for (const proxy of proxies) await proxy.stop();
  };
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Way {
  /** Of another proxy. */
  readonly baseUrl?: string | undefined;
  readonly signal?: AbortSignal | null;
}

async function post(
  path: string,
  body: object,
  { baseUrl = stack.baseUrl, signal = null }: Way = {},
): Promise<Response> {
  const answer = await fetch(`${baseUrl}${path}`, {
    method: "POST",
    signal,
    headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer;
}

async function must(path: string, body: object): Promise<void> {
  const answer = await post(path, body);
  expect([answer.status, path]).toEqual([200, path]);
}

function call(user: string, more: object = {}, way: Way = {}): Promise<Response> {
  const body = {
    model: "fixed",
    user,
    max_tokens: 1000,
    messages: [{ role: "user", content: "Hi" }],
    ...more,
  };
  return post("/v1/chat/completions", body, way);
}

/** Status and error type of a call, its body read to the end; null when the connection broke. */
async function outcome(user: string, more: object, baseUrl?: string): Promise<string> {
  try {
    const answer = await call(user, more, { baseUrl });
    const text = await answer.text();
    if (answer.status === 200) return "200";
    const { error } = JSON.parse(text) as { error: { type: string } };
    return `${answer.status} ${error.type} ${answer.headers.get("x-should-retry") ?? ""}`;
  } catch {
    return "broken";
  }
}

async function ledgerSum(): Promise<bigint> {
  const rows = await readLedger(stack.mongodbUrl, { customerId: ada });
  return rows.reduce((sum, row) => sum + row.costNano, 0n);
}

interface Told {
  type: string;
  customer_id: string | null;
  resolved?: boolean;
  threshold?: number | null;
}

function told(customer = ada): string[] {
  const events = new Map(receiver.accepted.map(({ id, body }) => [id, JSON.parse(body) as Told]));
  return [...events.values()]
    .filter(({ type, customer_id: id }) => id === customer && type !== "spend_tracked")
    .map(({ type, resolved, threshold }) => `${resolved === true ? "-" : ""}${type}${threshold ?? ""}`)
    .sort();
}

async function startProxies(count: number): Promise<string[]> {
  for (let i = 1; i < count; i++) {
    proxies.push(await ExtraProxy.start(stack, { WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: "true" }));
  }
  return [stack.baseUrl, ...proxies.map(({ baseUrl }) => baseUrl)];
}

// Setup     a budget of $5.00, calls of exactly $0.10, one proxy or four on one store and one Redis.
// Timeline  1,000 calls start in the same moment, every third one streamed.
// Proves    exactly 50 reach the upstream; the spend is exactly $5; the crossing is told once; each refusal
//           has the status and type that clients match, and says not to retry.
test.for([1, 4])("1,000 calls at once through %i proxies: exactly 50 are admitted", LONG, async (count) => {
  const addresses = await startProxies(count);
  await must("/customer/new", { user_id: ada, max_budget: 5 });

  const outcomes = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => outcome(ada, { stream: i % 3 === 0 }, addresses[i % count])),
  );

  const counts = new Map([...Map.groupBy(outcomes, (one) => one)].map(([one, all]) => [one, all.length]));
  expect(counts).toEqual(
    new Map([
      ["200", 50],
      ["422 budget_exceeded false", 950],
    ]),
  );
  expect(upstream.seen).toHaveLength(50);
  expect(await stack.customer(ada)).toMatchObject({ spend: 5, lifetime_spend: 5, sequence: 50 });
  expect(await ledgerSum()).toBe(5n * USD);
  await waitUntil("the events", () => receiver.sequencesOf(ada).length === 50 && told().length >= 3);
  expect(told()).toEqual(["budget_crossed", "threshold_crossed0.85", "threshold_crossed0.95"]);
  await expectVerified(stack.dataDir);
});

// Setup     soft limits of $0.15, of the budget or of one model, two proxies; calls of exactly $0.10.
// Timeline  eight calls start in the same moment, none of which the other has paid for yet; then one more.
// Proves    what calls in flight may cost counts: the second finds something left, the third does not; a whole
//           answer is served to both; the one that comes after the fact is told what is spent.
test.for([
  { budget_enforcement: "soft", max_budget: 0.15 },
  { budget_enforcement: "soft", model_max_budget: { fixed: { max_budget: 0.15, budget_duration: "1d" } } },
])("of calls at once under a soft limit only the last that is let in passes it: %o", LONG, async (limits) => {
  const addresses = await startProxies(2);
  await must("/customer/new", { user_id: ada, ...limits });
  const outcomes = await Promise.all(
    Array.from({ length: 8 }, (_, i) => outcome(ada, { stream: i % 3 === 0 }, addresses[i % 2])),
  );
  expect(outcomes.toSorted()).toEqual([
    ...Array.from({ length: 2 }, () => "200"),
    ...Array.from({ length: 6 }, () => "422 budget_exceeded false"),
  ]);
  expect(upstream.seen.map(({ body }) => body["max_tokens"])).toEqual([1000, 1000]);
  expect(await stack.customer(ada)).toMatchObject({ spend: 0.2, sequence: 2 });
  const late = await call(ada);
  expect([late.status, await late.json()]).toMatchObject([
    422,
    {
      error: {
        message: expect.stringMatching(
          /^ExceededBudget: End User=.* over budget.*\. Spend=0\.2, Budget=0\.15$/,
        ),
        budget: { max_budget: 0.15, spend: 0.2, held: 0 },
      },
    },
  ]);
  await expectVerified(stack.dataDir);
});

// Setup     a default tier of $2.00, two proxies, a customer that nobody has heard of.
// Timeline  its first 200 calls, all at once.
// Proves    the tier holds from the first call on, and the customer exists afterwards.
test("the first calls of an unknown customer share the default tier", LONG, async () => {
  const addresses = await startProxies(2);
  await must("/budget/new", { budget_id: "default-tier", max_budget: 2 });
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, (_, i) => outcome("newcomer", {}, addresses[i % 2])),
  );
  expect(outcomes.filter((one) => one === "200")).toHaveLength(20);
  expect(new Set(outcomes)).toEqual(new Set(["200", "422 budget_exceeded false"]));
  expect(await stack.customer("newcomer")).toMatchObject({ spend: 2, sequence: 20 });
  await must("/budget/delete", { id: "default-tier" });
  await expectVerified(stack.dataDir);
});

// Timeline  Redis does nothing for a moment, as when its disk is slow; a customer with a budget calls meanwhile,
//           also one that does not wait.
// Proves    that is no reason to refuse: the calls wait, and still no more are admitted than fit; who has left is
//           not served, and does not pay.
test("while Redis waits for its disk, calls wait, too", LONG, async () => {
  await must("/customer/new", { user_id: ada, max_budget: 1 });
  await must("/customer/new", { user_id: "impatient", max_budget: 1 });
  await stack.kill("redis", "SIGSTOP");
  await expect(call("impatient", {}, { signal: AbortSignal.timeout(300) })).rejects.toThrow("aborted");
  const calls = Array.from({ length: 20 }, () => outcome(ada, {}));
  await pause(1500);
  await stack.kill("redis", "SIGCONT");
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter((one) => one === "200")).toHaveLength(10);
  expect(new Set(outcomes)).toEqual(new Set(["200", "422 budget_exceeded false"]));
  expect(upstream.seen).toHaveLength(10);
  expect(await stack.customer("impatient")).toMatchObject({ spend: 0 });
  expect(await outcome("impatient", {})).toBe("200");
  await expectVerified(stack.dataDir);
});

// Timeline  Redis hangs; a customer with a budget and one without call; Redis goes on.
// Proves    nobody can say whether the budget allows the call, so it is refused, to be tried again; who has no
//           limits does not notice.
test("while Redis hangs only customers with limits are refused", LONG, async () => {
  await must("/customer/new", { user_id: "limited", max_budget: 5 });
  expect(await outcome("limited", {})).toBe("200");
  await stack.kill("redis", "SIGSTOP");
  expect(await outcome("limited", {})).toBe("503 service_unavailable true");
  expect(await outcome("free", {})).toBe("200");
  await stack.kill("redis", "SIGCONT");
  await waitUntil("limits to be known again", async () => (await outcome("limited", {})) === "200");
  await expectVerified(stack.dataDir);
});

// Timeline  as above through four proxies; one is killed with -9 while its calls are in flight.
// Proves    what a dead process held is not given to others while its calls could still be charged.
test("a proxy that is killed half-way lets nothing slip through", LONG, async () => {
  const addresses = await startProxies(4);
  await must("/customer/new", { user_id: ada, max_budget: 5 });
  const calls = Array.from({ length: 1000 }, (_, i) => outcome(ada, {}, addresses[i % 4]));
  await waitUntil("some calls at the upstream", () => upstream.seen.length >= 20);
  await proxies[0]!.stop("SIGKILL");

  const outcomes = await Promise.all(calls);
  const more = await Promise.all(
    Array.from({ length: 100 }, (_, i) => outcome(ada, {}, addresses[i % 2 === 0 ? 0 : 3])),
  );

  const served = [...outcomes, ...more].filter((one) => one === "200").length;
  expect(served).toBeLessThanOrEqual(50);
  expect(await ledgerSum()).toBeLessThanOrEqual(5n * USD);
  expect(await ledgerSum()).toBeGreaterThanOrEqual(BigInt(served) * (USD / 10n));
  await expectVerified(stack.dataDir);
});

/** Streams as many tokens as the answer happens to have, or as the request allows. */
async function openEnded(exchange: Exchange): Promise<void> {
  const limit = Number(exchange.body["max_completion_tokens"] ?? exchange.body["max_tokens"] ?? Infinity);
  const wanted = 100 + ((exchange.number * 7919) % 6000);
  const completion = Math.min(wanted, limit);
  openStream(exchange);
  await sendDelta(exchange, { content: "word " });
  sendChunk(exchange, {
    choices: [{ index: 0, delta: {}, finish_reason: completion < wanted ? "length" : "stop" }],
  });
  sendChunk(exchange, { choices: [], usage: wireUsage({ prompt: 5, completion }) });
  exchange.response.end("data: [DONE]\n\n");
}

// Setup     $5.00, streams that say nothing of their length, through two proxies.
// Timeline  20 clients call until they are refused three times in a row.
// Proves    the spend never passes the budget; a stream that meets it ends with finish_reason "length".
test("streams without a limit of their own never pass the budget", LONG, async () => {
  upstream.on("open", openEnded);
  const addresses = await startProxies(2);
  await must("/customer/new", { user_id: ada, max_budget: 5 });
  const texts: string[] = [];
  let capped = 0;
  const client = async (number: number): Promise<void> => {
    for (let refused = 0; refused < 3;) {
      const answer = await call(
        ada,
        { model: "open", stream: true, max_tokens: undefined },
        { baseUrl: addresses[number % 2] },
      );
      const text = await answer.text();
      if (answer.status === 200) texts.push(text);
      else refused++;
      if (answer.headers.has("x-spendhook-max-tokens-capped")) capped++;
    }
  };
  await Promise.all(Array.from({ length: 20 }, (_, number) => client(number)));

  expect(capped).toBeGreaterThan(0);
  expect(texts.some((text) => text.includes('"finish_reason":"length"'))).toBe(true);
  expect(texts.every((text) => text.endsWith("data: [DONE]\n\n"))).toBe(true);
  expect(await ledgerSum()).toBeLessThanOrEqual(5n * USD);
  expect((await stack.customer(ada)).spend).toBeLessThanOrEqual(5);
  await expectVerified(stack.dataDir);
});

test(
  "the guide's tier: served until it is used up, refused, and served again after the reset",
  LONG,
  async () => {
    await must("/budget/new", { budget_id: "my-free-tier", max_budget: 0.4, budget_duration: "10s" });
    await must("/customer/new", { user_id: "ishaan", budget_id: "my-free-tier" });
    const until = async (wanted: string): Promise<void> => {
      await waitUntil(wanted, async () => (await outcome("ishaan", {})).startsWith(wanted));
    };
    await until("422");
    await until("200");
    await must("/customer/update", { user_id: "ishaan", budget_id: null });
    expect(await outcome("ishaan", {})).toBe("200");
    await waitUntil("the reset to be told", () => told("ishaan").includes("budget_reset"));
    await expectVerified(stack.dataDir);
  },
);

// Proves    limits of pace say nothing about money: an answer is as long as the caller allows.
test.each([{ rpm_limit: 60 }, { tpm_limit: 1_000_000 }, { max_parallel_requests: 2 }])(
  "whoever has %o and no budget gets whole answers",
  async (limit) => {
    const paced = Object.keys(limit)[0] ?? "";
    await must("/customer/new", { user_id: paced, ...limit });
    for (const asked of [{ max_tokens: undefined }, { max_tokens: 50 }]) {
      const answer = await call(paced, asked);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-spendhook-max-tokens-capped")).toBeNull();
      await answer.text();
    }
    const limits = upstream.seen.map(({ body }) => [body["max_tokens"], body["max_completion_tokens"]]);
    expect(limits).toEqual([
      [undefined, undefined],
      [50, undefined],
    ]);
  },
);

test("a budget of nothing refuses the first call", async () => {
  await must("/customer/new", { user_id: "my-customer-id", max_budget: "0" });
  const answer = await call("my-customer-id");
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({
    error: {
      message: "ExceededBudget: End User=my-customer-id over budget. Spend=0, Budget=0",
      type: "budget_exceeded",
      param: null,
      code: "422",
      budget: { max_budget: 0, spend: 0, held: 0, reset_at: null },
    },
  });
  expect(upstream.seen).toEqual([]);
});

// Setup     two proxies that both know the customer.
// Timeline  through the first: raise, block, unblock, move to a tier, lower; after each, a call to the second.
// Proves    a change is in force on every process long before caches would have forgotten by themselves.
test("a change is in force on every process at once", LONG, async () => {
  const [one, two] = await startProxies(2);
  await must("/customer/new", { user_id: ada, max_budget: 0.1 });
  expect(await outcome(ada, {}, two)).toBe("200");
  const becomes = async (wanted: string): Promise<void> => {
    await waitUntil(
      `${wanted} at the other proxy`,
      async () => (await outcome(ada, {}, two)).startsWith(wanted),
      2000,
    );
  };
  await becomes("422");
  await must("/customer/update", { user_id: ada, max_budget: 100 });
  await becomes("200");
  await must("/customer/block", { user_ids: [ada] });
  await becomes("400 invalid_request_error");
  await must("/customer/unblock", { user_ids: [ada] });
  await becomes("200");
  await must("/budget/new", { budget_id: "small", max_budget: 0.1 });
  await must("/customer/update", { user_id: ada, budget_id: "small" });
  await becomes("422");
  await must("/budget/update", { budget_id: "small", max_budget: 50 });
  await becomes("200");
  await must("/budget/update", { budget_id: "small", rpm_limit: 1 });
  await becomes("429 throttling_error");
  await must("/budget/delete", { id: "small" });
  await becomes("200");
  await must("/customer/update", { user_id: ada, models: ["other"] });
  await becomes("403 customer_model_access_denied");
  expect(await outcome(ada, {}, one)).toMatch(/^403/);
  await waitUntil("the way back to be told", () => told().includes("-budget_crossed"));
});

test("the SDK raises a typed error for each refusal, and asks once", async () => {
  await must("/customer/new", { user_id: "poor", max_budget: 0 });
  await must("/customer/new", { user_id: "slow", rpm_limit: 0 });
  await must("/customer/new", { user_id: "single", max_parallel_requests: 0 });
  await must("/customer/new", { user_id: "picky", models: ["open"] });
  await must("/customer/new", { user_id: "far", allowed_model_region: "eu" });
  await must("/customer/block", { user_ids: ["bad"] });
  let asked = 0;
  const client = new OpenAI({
    baseURL: `${stack.baseUrl}/v1`,
    apiKey: MASTER_KEY,
    fetch: (url, init) => {
      asked++;
      return fetch(url, init);
    },
  });
  const refusals: [string, new (...args: never[]) => Error][] = [
    ["poor", UnprocessableEntityError],
    ["slow", RateLimitError],
    ["single", RateLimitError],
    ["picky", PermissionDeniedError],
    ["far", BadRequestError],
    ["bad", BadRequestError],
  ];
  for (const [user, type] of refusals) {
    asked = 0;
    const refused = client.chat.completions.create({
      model: "fixed",
      user,
      messages: [{ role: "user", content: "Hi" }],
    });
    await expect(refused, user).rejects.toBeInstanceOf(type);
    expect([user, asked]).toEqual([user, 1]);
  }
  expect(upstream.seen).toEqual([]);
});
