import { beforeEach, expect, test } from "vitest";
import type { ChatClient } from "../../src/completions/chat-client.ts";
import { parseChatRequest } from "../../src/completions/chat-request.ts";
import { inspectAnswer } from "../../src/completions/inspect-answer.ts";
import type { PreparedCall } from "../../src/completions/prepare-call.ts";
import { serveChat, type ServeChatDeps } from "../../src/completions/serve-chat.ts";
import type { UpstreamResponse } from "../../src/completions/upstream.ts";
import { AppError } from "../../src/errors.ts";
import { DEPLOYMENT } from "../support/deployments.ts";

const BODY = { model: "m", messages: [{ role: "user", content: "hi" }], user: "ada" };
const request = parseChatRequest(Buffer.from(JSON.stringify(BODY)));
const incoming = { requestId: "req_1", keyHash: "k", headers: {}, request };
const prepared: PreparedCall = {
  call: { requestId: "req_1", keyHash: "k", customerId: "ada", request, model: "m", deployment: DEPLOYMENT },
  cappedTokens: null,
  remainingNano: null,
  terms: null,
};
const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const WHOLE = JSON.stringify({ choices: [], usage: USAGE });
const STREAM = `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\ndata: [DONE]\n\n`;

let released: string[];
let written: string;
beforeEach(() => {
  released = [];
  written = "";
});

function answering(status: number, type: string, ...chunks: (string | Error)[]): UpstreamResponse {
  // oxlint-disable-next-line typescript/require-await -- an async iterable is what an upstream body is
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      if (typeof chunk !== "string") throw chunk;
      yield Buffer.from(chunk);
    }
  }
  return { status, headers: { "content-type": type }, body: body() };
}
const json = (status: number, text: string): UpstreamResponse => answering(status, "application/json", text);
const events = (...chunks: (string | Error)[]): UpstreamResponse =>
  answering(200, "text/event-stream", ...chunks);

function deps(more: Partial<ServeChatDeps> = {}): ServeChatDeps {
  return {
    prepareCall: () => Promise.resolve(prepared),
    callUpstream: () => Promise.resolve(json(200, WHOLE)),
    commit: () => Promise.resolve({ state: "spooled" }),
    release: (id) => released.push(id),
    readAnswer: async (body) => inspectAnswer(body, Math.random),
    ratesFor: () => null,
    tokens: {
      estimatePrompt: ({ bytes }) => Promise.resolve(bytes.length),
      estimateText: (text) => Promise.resolve(typeof text === "string" ? text.length : text.text.length),
    },
    now: () => new Date(),
    ...more,
  };
}

function client(more: Partial<ChatClient> = {}): ChatClient {
  const gone = new AbortController().signal;
  return {
    gone,
    announceCost: false,
    admitted: () => {},
    startStream: () => ({
      gone,
      write: (bytes) => {
        written += Buffer.from(bytes).toString();
        return undefined;
      },
      end: () => {},
    }),
    ...more,
  };
}

const refuse = (code: "ledger_unavailable" | "upstream_unavailable") => () =>
  Promise.reject(new AppError(code, "no"));
const headerThrows = (): never => {
  throw new TypeError("Invalid character in header content");
};

test.for<[string, Partial<ServeChatDeps>, Partial<ChatClient>]>([
  ["its facts cannot be told", {}, { admitted: headerThrows }],
  ["the client has left", {}, { gone: AbortSignal.abort() }],
  ["the upstream cannot be reached", { callUpstream: refuse("upstream_unavailable") }, {}],
  ["the upstream refuses our key", { callUpstream: () => Promise.resolve(json(401, "{}")) }, {}],
  ["the upstream's answer is not JSON", { callUpstream: () => Promise.resolve(json(200, "?")) }, {}],
  ["the charge is not recorded", { commit: refuse("ledger_unavailable") }, {}],
  [
    "a stream's headers cannot be sent",
    { callUpstream: () => Promise.resolve(events(STREAM)) },
    { startStream: headerThrows },
  ],
])("a call that fails as %s holds nothing afterwards", async ([, parts, side]) => {
  await expect(serveChat(deps(parts), incoming, client(side))).rejects.toThrow();
  expect(released).toEqual(["req_1"]);
});

test.for<[string, Partial<ServeChatDeps>]>([
  ["refuses it", { callUpstream: () => Promise.resolve(json(400, '{"error":{}}')) }],
  ["ends its stream before anything came", { callUpstream: () => Promise.resolve(events(new Error("cut"))) }],
  [
    "streams it and it cannot be recorded",
    { callUpstream: () => Promise.resolve(events(STREAM)), commit: refuse("ledger_unavailable") },
  ],
])("a call whose upstream %s is answered, costs nothing and holds nothing", async ([, parts]) => {
  expect(await serveChat(deps(parts), incoming, client())).toMatchObject({ charged: null });
  expect(released).toEqual(["req_1"]);
});

test.for([
  ["answers it", json(200, WHOLE)],
  ["streams it", events(STREAM)],
  ["breaks off its stream", events("data: {}\n\n", new Error("cut"))],
] as const)("a recorded call whose upstream %s leaves its hold to the ledger", async ([, response]) => {
  const answer = await serveChat(deps({ callUpstream: () => Promise.resolve(response) }), incoming, client());
  expect(answer.charged?.receipt).toEqual({ state: "spooled" });
  expect(released).toEqual([]);
});

test("a refused call is never told as admitted", async () => {
  const told: unknown[] = [];
  const refused = serveChat(
    deps({ prepareCall: () => Promise.reject(new AppError("rate_limited", "slow down")) }),
    incoming,
    client({ admitted: (facts) => told.push(facts) }),
  );
  await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
  expect(told).toEqual([]);
});

test("a stream's last word is sent after its charge", async () => {
  let before = "";
  const commit: ServeChatDeps["commit"] = () => {
    before = written;
    return Promise.resolve({ state: "spooled" });
  };
  await serveChat(deps({ callUpstream: () => Promise.resolve(events(STREAM)), commit }), incoming, client());
  expect(before).not.toContain("[DONE]");
  expect(written).toContain("[DONE]");
});
