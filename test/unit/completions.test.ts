import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseChatRequest } from "../../src/completions/chat-request.ts";
import { pickCustomerId } from "../../src/completions/customer-id.ts";
import {
  chatUrl,
  passedHeaders,
  type UpstreamTarget,
  upstreamBody,
  upstreamHeaders,
} from "../../src/completions/upstream-request.ts";
import { readUsage } from "../../src/completions/wire-usage.ts";
import { AppError } from "../../src/errors.ts";
import { editMembers } from "../../src/lib/json-members.ts";

const MESSAGES = [{ role: "user", content: "hi" }];

function parse(body: unknown) {
  return parseChatRequest(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)));
}

function failureOf(act: () => unknown): AppError {
  try {
    act();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("There was no failure");
}

test.each([
  ["", "invalid_request", /no body .*-d, not -D/],
  ["{", "invalid_json", /not valid JSON/],
  ['{"secret prompt": }', "invalid_json", /^(?!.*secret)The request body is not valid JSON/],
  ["[]", "invalid_request", /must be a JSON object/],
  ["null", "invalid_request", /must be a JSON object/],
  [{ model: "", messages: MESSAGES }, "invalid_request", /'model' must be a non-empty string, got an empty/],
  [{ model: 3, messages: MESSAGES }, "invalid_request", /'model' .* got a number/],
  [{ model: "m" }, "invalid_request", /'messages' .* got nothing/],
  [{ model: "m", messages: [] }, "invalid_request", /'messages' .* got an empty array/],
  [{ model: "m", messages: ["x"] }, "invalid_request", /'messages' .* got an array/],
  [
    { model: "m", messages: MESSAGES, stream: "yes" },
    "invalid_request",
    /'stream' must be a boolean, got a string/,
  ],
  [{ model: "m", messages: MESSAGES, stream_options: 1 }, "invalid_request", /'stream_options'/],
])("the body %j is refused as %s", (body, code, message) => {
  const failure = failureOf(() => parse(body));
  expect(failure.code).toBe(code);
  expect(failure.message).toMatch(message);
});

test("bytes that are not UTF-8 are refused", () => {
  expect(failureOf(() => parseChatRequest(Buffer.from([0x7b, 0xff, 0x7d]))).code).toBe("invalid_json");
});

const base = { model: "m", messages: MESSAGES };
test.each<[string, Record<string, string>, Record<string, unknown>, string | null]>([
  ["nobody", {}, {}, null],
  ["user", {}, { user: "u" }, "u"],
  [
    "customer header before all",
    { "x-litellm-customer-id": "h1", "x-litellm-end-user-id": "h2" },
    { user: "u" },
    "h1",
  ],
  ["end-user header before the body", { "x-litellm-end-user-id": "h2" }, { user: "u" }, "h2"],
  ["a blank header is skipped", { "x-litellm-customer-id": "  " }, { user: "u" }, "u"],
  ["a blank user is skipped", {}, { user: "", safety_identifier: "s" }, "s"],
  [
    "litellm_metadata before metadata",
    {},
    { litellm_metadata: { user: "l" }, metadata: { user_id: "m" } },
    "l",
  ],
  ["metadata.user_id", {}, { metadata: { user_id: "m" }, safety_identifier: "s" }, "m"],
  ["metadata as JSON text", {}, { metadata: '{"user_id":"j"}' }, "j"],
  ["metadata that is plain text names nobody", {}, { metadata: "not json" }, null],
  ["a number counts as text", {}, { user: 7 }, "7"],
  ["an object names nobody", {}, { user: { id: 1 } }, null],
  ["a list names nobody", {}, { user: ["a"] }, null],
  ["UTF-8 in a header", { "x-litellm-customer-id": Buffer.from("café✓").toString("latin1") }, {}, "café✓"],
  ["any Unicode", {}, { user: "\u0000😀 |{}" }, "\u0000😀 |{}"],
  ["1 KiB", {}, { user: "é".repeat(512) }, "é".repeat(512)],
])("who pays: %s", (_what, headers, body, expected) => {
  expect(pickCustomerId(headers, parse({ ...base, ...body }))).toBe(expected);
});

test.each([
  ["é".repeat(513), /1026 bytes long; the most is 1024/],
  ["\ud800", /well-formed/],
])("an id that cannot be kept is refused", (user, message) => {
  const failure = failureOf(() => pickCustomerId({}, parse({ ...base, user })));
  expect([failure.code, failure.status, failure.param]).toEqual(["invalid_customer_id", 400, "user"]);
  expect(failure.message).toMatch(message);
});

const target: UpstreamTarget = {
  id: "d",
  modelName: "m",
  provider: "openai",
  upstreamModel: "gpt-x",
  apiBase: "https://api.example.com/v1",
  apiKey: "upstream-key",
  apiVersion: null,
  organization: null,
  mockResponse: null,
  refusedFields: [],
  timeoutMs: 1000,
  idleTimeoutMs: 1000,
};

test("the upstream gets the caller's own text but for model, metadata and the usage request", () => {
  const text =
    '{ "model":"m", "seed": 18446744073709551615, "metadata":{"a":1}, "messages":[{"role":"user","content":"\\u00e9 \\"x\\" }"}],\n "user":"ada","litellm_metadata":"{}", "stream":true, "temperature": 1.0, "stream_options":{"include_obfuscation":false}}';
  expect(upstreamBody(parse(text), target)).toBe(
    '{"seed": 18446744073709551615,"messages":[{"role":"user","content":"\\u00e9 \\"x\\" }"}],"user":"ada","stream":true,"temperature": 1.0,"model":"gpt-x","stream_options":{"include_obfuscation":false,"include_usage":true}}',
  );
});

test("what an upstream refuses is left out", () => {
  const body = upstreamBody(parse({ ...base, user: "ada", stream: true }), {
    ...target,
    refusedFields: ["user", "stream_options"],
  });
  expect(JSON.parse(body)).toEqual({ messages: MESSAGES, stream: true, model: "gpt-x" });
});

test("a call that is not streamed is not asked for a usage chunk", () => {
  expect(upstreamBody(parse(base), target)).toBe(`{"messages":${JSON.stringify(MESSAGES)},"model":"gpt-x"}`);
});

test("addresses and keys follow the provider", () => {
  expect(chatUrl(target).href).toBe("https://api.example.com/v1/chat/completions");
  expect(upstreamHeaders(target, "ua")).toMatchObject({
    authorization: "Bearer upstream-key",
    "user-agent": "ua",
  });
  const azure = {
    ...target,
    provider: "azure",
    apiBase: "https://r.openai.azure.com",
    apiVersion: "2024-10-21",
    upstreamModel: "my dep",
  };
  expect(chatUrl(azure).href).toBe(
    "https://r.openai.azure.com/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21",
  );
  expect(upstreamHeaders(azure, "ua")).toMatchObject({ "api-key": "upstream-key" });
  expect(upstreamHeaders(azure, "ua")).not.toHaveProperty("authorization");
  expect(upstreamHeaders({ ...target, apiKey: null }, "ua")).not.toHaveProperty("authorization");
});

test("of the upstream's response headers only harmless ones reach the caller", () => {
  expect(
    passedHeaders({
      "content-type": "application/json",
      "retry-after": "3",
      "x-ratelimit-remaining-requests": "9",
      "openai-processing-ms": "12",
      "openai-organization": "secret-org",
      "x-request-id": "up_1",
      "set-cookie": ["a=b"],
      "transfer-encoding": "chunked",
      "content-length": "5",
      connection: "close",
    }),
  ).toEqual({
    "content-type": "application/json",
    "retry-after": "3",
    "x-ratelimit-remaining-requests": "9",
    "openai-processing-ms": "12",
    "llm_provider-x-request-id": "up_1",
  });
});

test.each<[unknown, object | null]>([
  [undefined, null],
  [null, null],
  [{}, null],
  ["x", null],
  [
    { prompt_tokens: 0, completion_tokens: 0 },
    { promptTokens: 0, completionTokens: 0, totalTokens: 0 },
  ],
  [{ prompt_tokens: 3, completion_tokens: 2, total_tokens: 9 }, { totalTokens: 9 }],
  [{ prompt_tokens: 3 }, { promptTokens: 3, completionTokens: 0, totalTokens: 3 }],
  [{ prompt_tokens: 3, prompt_tokens_details: null }, { cachedTokens: 0 }],
  [
    { prompt_tokens: 3, prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 } },
    { cachedTokens: 2, cacheWriteTokens: 1 },
  ],
  [{ prompt_tokens: 3, prompt_cache_hit_tokens: 2 }, { cachedTokens: 2 }],
  [{ completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } }, { reasoningTokens: 2 }],
  [{ prompt_tokens: -1, completion_tokens: 1.5 }, null],
])("the wire usage %j is %j", (wire, expected) => {
  const usage = readUsage(wire);
  if (expected === null) expect(usage).toBeNull();
  else expect(usage).toMatchObject(expected);
});

test("editing members equals editing the parsed object, for any JSON", () => {
  const key = fc.oneof(fc.constantFrom("model", "a", 'q"uo\\te', "__proto__x"), fc.string());
  const object = fc.dictionary(key, fc.jsonValue());
  fc.assert(
    fc.property(
      object,
      fc.array(fc.tuple(key, fc.option(fc.jsonValue(), { nil: undefined }))),
      fc.nat(2),
      (source, edits, indent) => {
        const map = new Map(
          edits.map(([name, value]) => [name, value === undefined ? undefined : JSON.stringify(value)]),
        );
        const expected = new Map(Object.entries(JSON.parse(JSON.stringify(source)) as object));
        for (const [name, value] of map) {
          expected.delete(name);
          if (value !== undefined) expected.set(name, JSON.parse(value) as unknown);
        }
        const edited = JSON.parse(editMembers(JSON.stringify(source, null, indent), map)) as object;
        expect(new Map(Object.entries(edited))).toEqual(expected);
      },
    ),
  );
});

test("every occurrence of a repeated member goes", () => {
  expect(editMembers('{"a":1,"b":2,"a":3}', new Map([["a", undefined]]))).toBe('{"b":2}');
});
