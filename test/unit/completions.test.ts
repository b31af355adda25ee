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
  [
    { model: "m", messages: MESSAGES, stream_options: { include_usage: 1 } },
    "invalid_request",
    /'stream_options.include_usage' must be a boolean, got a number/,
  ],
  [{ model: "m".repeat(1025), messages: MESSAGES }, "invalid_request", /'model' must be at most 1024 bytes/],
  [
    { model: "m", messages: MESSAGES, user: "u".repeat(70_000) },
    "invalid_request",
    /'user' is longer than 65536 bytes/,
  ],
])("the body %j is refused as %s", (body, code, message) => {
  const failure = failureOf(() => parse(body));
  expect(failure.code).toBe(code);
  expect(failure.message).toMatch(message);
});

test.each([
  ['"model":"a","model":"b"', "model", /'model' is given more than once/],
  ['"mod\\u0065l":"b"', "model", /'model' is given more than once/],
  ['"Model":"b"', "model", /'Model' must be spelled 'model'/],
  ['"\u017ftream":true', "stream", /must be spelled 'stream'/],
  ['"USER":"eve"', "user", /'USER' must be spelled 'user'/],
  ['"Max_Tokens":9', "max_tokens", /'Max_Tokens' must be spelled/],
  ['"messages":[]', "messages", /more than once/],
  ['"stream_options":{"include_usage":true,"include_usage":false}', "stream_options.include_usage", /more/],
  ['"metadata":{"user_id":"a","User_Id":"b"}', "metadata.user_id", /'metadata.User_Id' must be spelled/],
  ['"metadata":"{\\"user_id\\":1,\\"user_id\\":2}"', "metadata.user_id", /more than once/],
  ['"litellm_metadata":{"user":"a","user":"b"}', "litellm_metadata.user", /more than once/],
])("what parsers may read in two ways is refused: %s", (member, param, message) => {
  const failure = failureOf(() =>
    parse(`{"model":"m","messages":[{"role":"user","content":"hi"}],${member}}`),
  );
  expect(failure).toMatchObject({ code: "invalid_request", param });
  expect(failure.message).toMatch(message);
});

test.each([
  ['{"content":"short","content":"long"}', "messages[0].content"],
  ['{"Content":"x"}', "messages[0].content"],
  ['{"content":[{"type":"text","type":"image_url"}]}', "messages[0].content.type"],
  ['{"content":[{"type":"text","text":"a","TEXT":"b"}]}', "messages[0].content.text"],
])("the same within messages: %s", (message, param) => {
  const failure = failureOf(() => parse(`{"model":"m","messages":[${message}]}`));
  expect(failure).toMatchObject({ code: "invalid_request", param });
});

test("fields that are not ours may be there twice, in any case", () => {
  const text = '{"messages":[{"content":"hi","x":1,"x":2}],"seed":1,"seed":2,"Seed":3}';
  expect(upstreamBody(parse(text), target).toString()).toBe(
    '{"messages":[{"content":"hi","x":1,"x":2}],"seed":1,"seed":2,"Seed":3,"model":"gpt-x"}',
  );
});

const COUNTED = ["n", "max_tokens", "max_completion_tokens"];
test.each(
  COUNTED.flatMap((field) =>
    ["0", "-1", "1.5", "1.0", "1e3", "1e400", "99999999999", '"5"', "true", "[1]"].map((value) => [
      field,
      value,
    ]),
  ),
)("'%s' of %s is refused", (field, value) => {
  const failure = failureOf(() => parse(`{"messages":[{"content":"hi"}],"${field}":${value}}`));
  expect(failure).toMatchObject({ code: "invalid_request", param: field });
  expect(failure.message).toMatch(`'${field}' must be a whole number from 1 to `);
});

test("whole numbers are read, and null is as if they were not there", () => {
  const read = (fields: object) => parse({ messages: MESSAGES, ...fields });
  expect(read({ n: 3, max_tokens: 7, max_completion_tokens: 9 })).toMatchObject({ answers: 3, maxTokens: 9 });
  const silent = { answers: 1, maxTokens: null, limitFields: [] };
  expect(read({ n: null, max_tokens: null, max_completion_tokens: null })).toMatchObject(silent);
  expect(read({ max_tokens: 2 ** 31 - 1 })).toMatchObject({
    maxTokens: 2 ** 31 - 1,
    limitFields: ["max_tokens"],
  });
});

test.each(["18446744073709551615", "1.0", "1e400"])("the number %s is nobody's id", (user) => {
  const failure = failureOf(() => parse(`{"messages":[{"content":"hi"}],"user":${user}}`));
  expect(failure).toMatchObject({ code: "invalid_request", param: "user" });
});

test.each([
  ["values", `[${"[],".repeat(200_000)}0]`, /more than 200000 values/],
  [
    "members",
    `{${Array.from({ length: 200_000 }, (_, index) => `"${index}":1`).join()}}`,
    /more than 200000/,
  ],
  ["levels", "[".repeat(201) + "]".repeat(201), /nested deeper than 200 levels/],
])("a body of too many %s is refused", (_what, value, message) => {
  const failure = failureOf(() => parse(`{"messages":[{"content":"hi"}],"x":${value}}`));
  expect(failure.code).toBe("invalid_json");
  expect(failure.message).toMatch(message);
});

test("a request of too many fields is refused", () => {
  const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, 1]));
  expect(failureOf(() => parse({ ...fields, messages: MESSAGES })).message).toMatch(/more than 1000 fields/);
});

test("what is said to the proxy does not reach the upstream", () => {
  const ours = {
    metadata: { a: 1 },
    litellm_metadata: "{}",
    fallbacks: ["gpt-4"],
    num_retries: 2,
    mock_response: "free",
    caching: true,
    tags: ["t"],
    guardrails: ["g"],
    drop_params: true,
    router_settings_override: {},
  };
  expect(JSON.parse(upstreamBody(parse({ ...base, ...ours, seed: 1 }), target).toString())).toEqual({
    messages: MESSAGES,
    seed: 1,
    model: "gpt-x",
  });
});

test("a byte order mark is passed over", () => {
  const body = parse(`\ufeff${JSON.stringify(base)}`);
  expect(JSON.parse(upstreamBody(body, target).toString())).toEqual({ model: "gpt-x", messages: MESSAGES });
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
  expect(upstreamBody(parse(text), target).toString()).toBe(
    '{"seed": 18446744073709551615,"messages":[{"role":"user","content":"\\u00e9 \\"x\\" }"}],"user":"ada","stream":true,"temperature": 1.0,"model":"gpt-x","stream_options":{"include_obfuscation":false,"include_usage":true}}',
  );
});

test("what an upstream refuses is left out", () => {
  const body = upstreamBody(parse({ ...base, user: "ada", stream: true }), {
    ...target,
    refusedFields: ["user", "stream_options"],
  });
  expect(JSON.parse(body.toString())).toEqual({ messages: MESSAGES, stream: true, model: "gpt-x" });
});

test("a call that is not streamed is not asked for a usage chunk", () => {
  expect(upstreamBody(parse(base), target).toString()).toBe(
    `{"messages":${JSON.stringify(MESSAGES)},"model":"gpt-x"}`,
  );
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
