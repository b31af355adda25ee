import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FakeUpstream, openStream, sendDelta } from "../support/fake-upstream.ts";
import { readLedger } from "../support/ledger-rows.ts";
import { NASTY_BODIES, type NastyBody } from "../support/nasty-bodies.ts";
import { MASTER_KEY, Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const BYTES = 19 * 1024 * 1024;
const BEAT_MS = 20;
const PRICES = { input_cost_per_token: 0.0000000001, output_cost_per_token: 0.0000000001 };

let upstream: FakeUpstream;
let stack: Stack;

beforeAll(async () => {
  upstream = await FakeUpstream.start();
  stack = await Stack.start({
    config: {
      model_list: [
        {
          model_name: "mock",
          litellm_params: { model: "openai/mock", mock_response: "It is sunny.", ...PRICES },
        },
        upstream.deployment("whole"),
        upstream.deployment("cut"),
      ],
      litellm_settings: {},
    },
    env: { LOG_LEVEL: "warn" },
  });
  const made = await stack.fetch("/customer/new", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "poor", max_budget: 0.0001 }),
  });
  expect(made.status).toBe(200);
  upstream.on("whole", async ({ response }) => {
    const message = { role: "assistant", content: "z".repeat(400_000) };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: "stop" }] }));
  });
  upstream.on("cut", async (exchange) => {
    openStream(exchange);
    await sendDelta(exchange, { content: " ".repeat(400_000) });
    exchange.response.destroy();
  });
});

afterAll(async () => {
  await stack.dispose();
  await upstream.close();
});

interface Sent {
  /** The whole body has left here. */
  readonly flushed: Promise<unknown>;
  readonly answer: Promise<{ status: number; text: string }>;
}

function send(body: Buffer, user: string): Sent {
  const call = request(`${stack.baseUrl}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      "content-type": "application/json",
      "content-length": body.length,
      "x-litellm-customer-id": user,
    },
  });
  const answer = once(call, "response").then(async ([response]) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode as number, text: Buffer.concat(chunks).toString() };
  });
  const flushed = once(call, "finish");
  call.end(body);
  return { flushed, answer };
}

/** On a connection of its own: one that is kept may just be closing. */
async function live(): Promise<string> {
  const call = request(`${stack.baseUrl}/health/liveliness`, { agent: false });
  const answered = once(call, "response");
  call.end();
  const [response] = await answered;
  response.resume();
  return "liveliness";
}

/** One question after the other until told to stop: how long each took. */
async function beat(isOver: () => boolean): Promise<number[]> {
  const took: number[] = [];
  while (!isOver()) {
    const asked = performance.now();
    await live();
    took.push(performance.now() - asked);
    await delay(BEAT_MS);
  }
  return took;
}

/** Asks for liveliness when the body's last byte has left; tells which of the two was answered first. */
async function race(body: Buffer, user: string): Promise<{ first: string; status: number }> {
  await live();
  const { flushed, answer } = send(body, user);
  await flushed;
  const first = await Promise.race([live(), answer.then(() => "the call")]);
  return { first, status: (await answer).status };
}

function bodyOf(name: string, model: string): Buffer {
  const found = NASTY_BODIES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no body of ${name}`);
  return found.make(model, BYTES);
}

// Setup     a model whose tokens are counted here on both sides.
// Timeline  a call of 19 MB; liveliness is asked when its last byte has left.
// Proves    it is answered while the call is still worked on.
test.each(["spaces", "letters without a space", "Han without a stop", "60,000 messages"])(
  "liveliness is answered while a call of %s is counted",
  async (name) => {
    expect(await race(bodyOf(name, "mock"), name)).toEqual({ first: "liveliness", status: 200 });
  },
);

// Setup     the same questions while nothing else is asked tell what this machine needs for one.
// Timeline  four such calls at once; liveliness is asked on and on, until the last of them is answered.
// Proves    it is answered all along, and none waits as for a loop that is held up by the count of a whole call.
test("liveliness is answered on and on while several such calls are counted", async () => {
  let questions = 0;
  const idle = await beat(() => ++questions > 20);
  const body = bodyOf("letters without a space", "mock");
  let isOver = false;
  const sent = Promise.all(["a", "b", "c", "d"].map((user) => send(body, user).answer)).finally(() => {
    isOver = true;
  });
  const [answers, took] = await Promise.all([sent, beat(() => isOver)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(took.length).toBeGreaterThan(5);
  expect(Math.max(...took)).toBeLessThan(Math.max(1000, 5 * Math.max(...idle)));
});

test.each(NASTY_BODIES.filter(({ refusal }) => refusal !== null))(
  "a call of $name is refused as $refusal, in few words",
  async ({ name, make, refusal }: NastyBody) => {
    const { status, text } = await send(make("mock", BYTES), name).answer;
    expect(status).toBe(400);
    const { error } = JSON.parse(text) as { error: { message: string } };
    expect(error.message).toMatch(refusal === "invalid_json" ? /^The request body / : /^'(model|user)' /);
    expect(error.message.length).toBeLessThan(200);
  },
);

test.each(["whole", "cut"])(
  "an answer without usage (%s) is charged by estimate, and holds nobody up",
  async (model) => {
    const body = bodyOf("letters without a space", model);
    const text =
      model === "cut" ? Buffer.concat([body.subarray(0, -1), Buffer.from(',"stream":true}')]) : body;
    const { flushed, answer } = send(text, model);
    await flushed;
    await waitUntil("the call at the upstream", () =>
      upstream.seen.some((seen) => seen.body.model === model),
    );
    const first = await Promise.race([live(), answer.then(() => "the call")]);
    expect(first).toBe("liveliness");
    expect((await answer).status).toBe(200);
    const [row, ...others] = await waitUntil("the charge", async () => {
      const rows = await readLedger(stack.mongodbUrl, { customerId: model });
      return rows.length > 0 && rows;
    });
    expect([row?.estimated, others]).toEqual([true, []]);
    expect(row?.usage.promptTokens).toBeGreaterThan(BYTES / 20);
    expect(row?.usage.completionTokens).toBeGreaterThan(400_000 / 200);
  },
);

test("a call near its budget is counted before it is refused, and holds nobody up", async () => {
  const body = bodyOf("letters without a space", "whole");
  expect(await race(body, "poor")).toEqual({ first: "liveliness", status: 422 });
});
