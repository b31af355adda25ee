import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  costNano,
  FakeUpstream,
  openStream,
  sendChunk,
  sendDelta,
  UPSTREAM_KEY,
  usdText,
  wireUsage,
} from "../support/fake-upstream.ts";
import { type LedgerRow, readLedger } from "../support/ledger-rows.ts";
import { MASTER_KEY, Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const MODELS = [
  "whole",
  "stream",
  "tools",
  "customer",
  "endless",
  "refuses",
  "limits",
  "locked",
  "fails",
  "html",
  "cut",
];

let upstream: FakeUpstream;
let stack: Stack;
let openai: OpenAI;

beforeAll(async () => {
  upstream = await FakeUpstream.start();
  stack = await Stack.start({
    config: {
      model_list: [
        ...MODELS.map((model) => upstream.deployment(model)),
        upstream.deployment("hangs", { timeout: 1 }),
        upstream.deployment("falls-silent", { stream_timeout: 1 }),
      ],
    },
  });
  openai = clientWith(MASTER_KEY);
});
afterAll(async () => {
  await stack?.dispose();
  await upstream?.close();
});

function clientWith(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${stack.baseUrl}/v1`, apiKey, maxRetries: 0 });
}

function ask(model: string, user: string) {
  return { model, user, messages: [{ role: "user" as const, content: "How is it?" }] };
}

/** The only charge of a customer. */
async function onlyCharge(customerId: string): Promise<LedgerRow> {
  const rows = await readLedger(stack.mongodbUrl, { customerId });
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

async function failureOf(call: PromiseLike<unknown>): Promise<APIError> {
  try {
    await call;
  } catch (error) {
    expect(error).toBeInstanceOf(APIError);
    return error as APIError;
  }
  throw new Error("The call was expected to fail");
}

describe("an answer that is not streamed", () => {
  test("arrives whole, with its cost and the id under which it is in the ledger", async () => {
    const { data, response } = await openai.chat.completions.create(ask("whole", "w1")).withResponse();

    expect(data.choices[0]?.message.content).toBe("All is well.");
    const usage = data.usage!;
    const nano = costNano({ prompt: usage.prompt_tokens, completion: usage.completion_tokens });
    const row = await onlyCharge("w1");
    expect(row).toMatchObject({ costNano: nano, estimated: false });
    expect(response.headers.get("x-request-id")).toBe(row.requestId);
    expect(response.headers.get("x-litellm-response-cost")).toBe(usdText(nano));
    expect((await stack.customer("w1")).spend).toBe(Number(usdText(nano)));
  });

  test("of an upstream that answers with something other than JSON becomes a 502", async () => {
    upstream.on("html", async ({ response }) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<p>Bad gateway</p>");
      return Promise.resolve();
    });

    const error = await failureOf(openai.chat.completions.create(ask("html", "h1")));

    expect(error).toBeInstanceOf(InternalServerError);
    expect(error.status).toBe(502);
    expect(error.message).not.toContain("<p>");
    expect(await readLedger(stack.mongodbUrl, { customerId: "h1" })).toEqual([]);
  });
});

describe("a streamed answer", () => {
  test("arrives word by word, without a usage chunk that nobody asked for, and is charged in full", async () => {
    const chunks = await openai.chat.completions.create({ ...ask("stream", "s1"), stream: true });

    let text = "";
    let usageChunks = 0;
    for await (const chunk of chunks) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.usage !== undefined || chunk.choices.length === 0) usageChunks++;
    }
    expect(text).toBe("All is well.");
    expect(usageChunks).toBe(0);
    expect(upstream.last("stream").body["stream_options"]).toEqual({ include_usage: true });
    const bill = upstream.bill.get("s1");
    expect(await onlyCharge("s1")).toMatchObject({ costNano: bill?.nano, estimated: false });
  });

  test("ends with the usage chunk for who asked for it", async () => {
    const chunks = await openai.chat.completions.create({
      ...ask("stream", "s2"),
      stream: true,
      stream_options: { include_usage: true },
    });

    const all = await collect(chunks);
    const last = all.at(-1)!;
    expect(last.choices).toEqual([]);
    const usage = last.usage!;
    expect(all.filter((chunk) => chunk.usage)).toHaveLength(1);
    expect((await onlyCharge("s2")).costNano).toBe(
      costNano({ prompt: usage.prompt_tokens, completion: usage.completion_tokens }),
    );
  });

  test("that its reader leaves is left upstream too, and costs what was generated, once", async () => {
    upstream.on("endless", async (exchange) => {
      openStream(exchange);
      const gone = exchange.aborted.then(() => true);
      while (!(await Promise.race([gone, sendDelta(exchange, { content: "more " }).then(() => false)])));
    });
    const chunks = await openai.chat.completions.create({ ...ask("endless", "a1"), stream: true });

    let words = 0;
    for await (const chunk of chunks) {
      words += chunk.choices[0]?.delta.content === "more " ? 1 : 0;
      if (words === 20) break;
    }

    await upstream.last("endless").aborted;
    await waitUntil("the charge", async () => (await readLedger(stack.mongodbUrl, { customerId: "a1" }))[0]);
    const row = await onlyCharge("a1");
    expect(row.estimated).toBe(true);
    expect(row.usage.promptTokens).toBeGreaterThan(0);
    expect(row.usage.completionTokens).toBeGreaterThanOrEqual(words);
    expect(row.costNano).toBe(
      costNano({ prompt: row.usage.promptTokens, completion: row.usage.completionTokens }),
    );
  });

  test("that the upstream cuts off raises in the SDK, never says [DONE], and is charged as an estimate", async () => {
    upstream.on("cut", async (exchange) => {
      openStream(exchange);
      for (const content of ["All ", "is "]) await sendDelta(exchange, { content });
      exchange.response.destroy();
    });

    const chunks = await openai.chat.completions.create({ ...ask("cut", "c1"), stream: true });
    const error = await failureOf(collect(chunks));
    expect(error.message).toContain("broke off");
    expect((await onlyCharge("c1")).estimated).toBe(true);

    const raw = await (await stack.chat({ ...ask("cut", "c2"), stream: true })).text();
    expect(raw).toContain('"error"');
    expect(raw).not.toContain("[DONE]");
    expect((await onlyCharge("c2")).estimated).toBe(true);
  });

  test("that falls silent for longer than the deployment allows raises in the SDK", async () => {
    upstream.on("falls-silent", async (exchange) => {
      openStream(exchange);
      await sendDelta(exchange, { content: "Well" });
      await exchange.aborted;
    });

    const chunks = await openai.chat.completions.create({ ...ask("falls-silent", "q1"), stream: true });
    const error = await failureOf(collect(chunks));

    expect(error.message).toContain("silent");
    expect((await onlyCharge("q1")).estimated).toBe(true);
  });

  test("whose running counts come in every chunk is charged by the last one", async () => {
    upstream.on("stream", async (exchange) => {
      openStream(exchange);
      for (const completion of [1, 2, 3]) {
        const choices = [{ index: 0, delta: { content: "word " }, finish_reason: null }];
        sendChunk(exchange, { choices, usage: wireUsage({ prompt: 40, completion }) });
      }
      const choices = [{ index: 0, delta: {}, finish_reason: "stop" }];
      sendChunk(exchange, { choices, usage: wireUsage({ prompt: 40, completion: 4 }) });
      exchange.response.end("data: [DONE]\n\n");
      return Promise.resolve();
    });
    try {
      const chunks = await openai.chat.completions.create({ ...ask("stream", "r1"), stream: true });
      await collect(chunks);
    } finally {
      upstream.on("stream", upstream.usual);
    }

    expect(await onlyCharge("r1")).toMatchObject({
      costNano: costNano({ prompt: 40, completion: 4 }),
      estimated: false,
    });
  });
});

describe("what the upstream sees", () => {
  test("tools reach it as they were sent, to the last digit", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const tool = {
      type: "function" as const,
      function: { name: "weather", description: "says it", parameters },
    };
    await openai.chat.completions.create({
      ...ask("tools", "t1"),
      tools: [tool],
      tool_choice: "auto",
      temperature: 0.1,
    });
    expect(upstream.last("tools").body).toMatchObject({
      tools: [tool],
      tool_choice: "auto",
      temperature: 0.1,
    });

    // JSON.parse would make this 9007199254740992.
    const tools =
      '[ {"type":"function", "function":{"name":"f","parameters":{"maximum":9007199254740993,"x":1.0}}} ]';
    const raw = `{"model":"tools","user":"t2","messages":[{"role":"user","content":"Hi"}],"tools":${tools},"unknown_to_us":{"a":[1e3]}}`;
    expect((await stack.chat(raw)).status).toBe(200);
    expect(upstream.last("tools").text).toContain(`"tools":${tools}`);
    expect(upstream.last("tools").text).toContain('"unknown_to_us":{"a":[1e3]}');
  });

  test("the customer's id in `user`, and nothing of ours", async () => {
    await openai.chat.completions.create(
      { ...ask("customer", "u1"), metadata: { user_id: "someone", plan: "secret-plan" } },
      {
        headers: { "x-litellm-customer-id": "u1-header", "x-spendhook-stream-cost": "true" },
        body: {
          ...ask("customer", "u1"),
          metadata: { user_id: "someone", plan: "secret-plan" },
          litellm_metadata: { user: "someone-else" },
        },
      },
    );

    const { headers, text, body } = upstream.last("customer");
    expect(body.user).toBe("u1");
    expect(Object.keys(body).toSorted()).toEqual(["messages", "model", "user"]);
    expect(headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`);
    expect(JSON.stringify(headers) + text).not.toMatch(
      new RegExp(`${MASTER_KEY}|x-litellm|x-spendhook|x-stainless|secret-plan|u1-header`, "i"),
    );
  });

  test("the customer header wins over `user`, and metadata names a customer when `user` does not", async () => {
    await openai.chat.completions.create(ask("customer", "u2"), {
      headers: { "x-litellm-customer-id": "u2-header" },
    });
    await stack.chat({
      model: "customer",
      messages: [{ role: "user", content: "Hi" }],
      metadata: { user_id: "u3" },
    });
    await stack.chat({ model: "customer", messages: [{ role: "user", content: "Hi" }] });

    expect(await readLedger(stack.mongodbUrl, { customerId: "u2" })).toEqual([]);
    await onlyCharge("u2-header");
    await onlyCharge("u3");
  });
});

describe("failures have the types the SDK knows", () => {
  test("a wrong key is an AuthenticationError and never reaches the upstream", async () => {
    const before = upstream.seen.length;
    const error = await failureOf(clientWith("sk-wrong").chat.completions.create(ask("whole", "f1")));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.message).not.toContain("sk-wrong");
    expect(upstream.seen).toHaveLength(before);
  });

  test("an unknown model is a NotFoundError", async () => {
    const error = await failureOf(openai.chat.completions.create(ask("gpt-9", "f2")));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error.message).toContain("gpt-9");
    expect(error.requestID).toMatch(/^req_/);
  });

  test("an upstream's 400 comes through with its own body, and costs nothing", async () => {
    const refusal = {
      error: {
        message: "max_tokens is too large",
        type: "invalid_request_error",
        param: "max_tokens",
        code: "x",
      },
    };
    upstream.on("refuses", async ({ response }) => {
      response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(refusal));
      return Promise.resolve();
    });

    for (const stream of [false, true]) {
      const error = await failureOf(openai.chat.completions.create({ ...ask("refuses", "f3"), stream }));
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error.error).toEqual(refusal.error);
    }
    expect(await readLedger(stack.mongodbUrl, { customerId: "f3" })).toEqual([]);
  });

  test("an upstream's 429 is a RateLimitError with its retry-after", async () => {
    upstream.on("limits", async ({ response }) => {
      response
        .writeHead(429, { "content-type": "application/json", "retry-after": "7" })
        .end('{"error":{"message":"slow down","type":"rate_limit"}}');
      return Promise.resolve();
    });

    const error = await failureOf(openai.chat.completions.create(ask("limits", "f4")));

    expect(error).toBeInstanceOf(RateLimitError);
    expect(error.headers?.get("retry-after")).toBe("7");
    expect(error.message).toContain("slow down");
  });

  test("an upstream's 401 is the proxy's fault: 502, without the key it quotes, and not worth a retry", async () => {
    upstream.on("locked", async ({ response }) => {
      response
        .writeHead(401, { "content-type": "application/json" })
        .end(`{"error":{"message":"Incorrect API key provided: ${UPSTREAM_KEY}"}}`);
      return Promise.resolve();
    });

    const answer = await stack.chat(ask("locked", "f5"));
    const text = await answer.text();

    expect(answer.status).toBe(502);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(text + JSON.stringify([...answer.headers])).not.toContain(UPSTREAM_KEY);
    expect(await failureOf(openai.chat.completions.create(ask("locked", "f5")))).toBeInstanceOf(
      InternalServerError,
    );
  });

  test("an upstream's 500 keeps its JSON, and becomes a 502 when it has none", async () => {
    upstream.on("fails", async ({ response }) => {
      response
        .writeHead(500, { "content-type": "application/json" })
        .end('{"error":{"message":"the model tripped"}}');
      return Promise.resolve();
    });
    const own = await failureOf(openai.chat.completions.create(ask("fails", "f6")));
    expect(own).toBeInstanceOf(InternalServerError);
    expect(own.status).toBe(500);
    expect(own.message).toContain("the model tripped");

    upstream.on("fails", async ({ response }) => {
      response.writeHead(503, { "content-type": "text/html" }).end("<h1>nginx</h1>");
      return Promise.resolve();
    });
    const ours = await failureOf(openai.chat.completions.create(ask("fails", "f6")));
    expect(ours.status).toBe(502);
    expect(ours.message).not.toContain("nginx");
  });

  test("an upstream that does not answer in time is a 504, and is left", async () => {
    upstream.on("hangs", ({ aborted }) => aborted);

    const error = await failureOf(openai.chat.completions.create(ask("hangs", "f7")));

    expect(error.status).toBe(504);
    expect(error.headers?.get("x-should-retry")).toBe("true");
    await upstream.last("hangs").aborted;
    expect(await readLedger(stack.mongodbUrl, { customerId: "f7" })).toEqual([]);
  });
});

test("the models list names what is configured, in order", async () => {
  const names = (await openai.models.list()).data.map(({ id }) => id);
  expect(names).toEqual([...MODELS, "hangs", "falls-silent"]);
});
