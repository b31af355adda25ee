import { expect, test } from "vitest";
import { ApiError, readApiError } from "../../../src/dashboard/api/api-error.ts";
import { eventReader } from "../../../src/dashboard/api/event-stream.ts";
import { addressOf } from "../../../src/dashboard/api/send.ts";
import { NEW_BUDGET, requestOf, valuesOf } from "../../../src/dashboard/budgets/budget-values.ts";
import { changeItem } from "../../../src/dashboard/customer/load-timeline.ts";
import { readCustomerFilter } from "../../../src/dashboard/customers/customer-filters.ts";
import {
  changesOf as endpointChanges,
  NEW_ENDPOINT,
  requestOf as endpointRequest,
} from "../../../src/dashboard/endpoints/endpoint-values.ts";

test("every wrong field of a 422 gets its own message, also one inside a list", () => {
  const error = readApiError(
    422,
    {
      detail: [
        { type: "x", loc: ["body", "max_budget"], msg: "Field required", input: null },
        { type: "x", loc: ["body", "thresholds", 1], msg: "A share is at most 1, got 2", input: 2 },
        { type: "x", loc: ["body", "thresholds", 2], msg: "A share is at most 1, got 3", input: 3 },
      ],
    },
    null,
  );
  expect(Object.fromEntries(error.fields)).toEqual({
    max_budget: "Field required",
    thresholds: "1: A share is at most 1, got 2; 2: A share is at most 1, got 3",
  });
});

test("LiteLLM's detail belongs to the fields that it names, each with its own sentence", () => {
  const error =
    "max_budget must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-11; Invalid budget_duration: it should be a count. Received: x; model_max_budget.m.max_budget must be a number";
  const several = readApiError(400, { detail: { error } }, null);
  expect([...several.fields]).toEqual([
    ["max_budget", "max_budget must not be finer than a nano-dollar (0.000000001 USD). Received: 5e-11"],
    ["budget_duration", "Invalid budget_duration: it should be a count. Received: x"],
    ["model_max_budget", "model_max_budget.m.max_budget must be a number"],
  ]);
  expect(several.message).toBe(error);
});

test("LiteLLM's detail belongs to the field that it names first, if it names one", () => {
  const named = readApiError(400, { detail: { error: "max_budget must be a number" } }, null);
  expect(named.fields.get("max_budget")).toBe("max_budget must be a number");
  const plain = readApiError(400, { detail: { error: "Budget with id 'x' already exists." } }, null);
  expect([plain.fields.size, plain.message]).toEqual([0, "Budget with id 'x' already exists."]);
});

test("OpenAI's error belongs to its param", () => {
  const error = readApiError(400, { error: { message: "No such thing", param: "user_id" } }, "7");
  expect([...error.fields]).toEqual([["user_id", "No such thing"]]);
  expect(error.retryAfterSeconds).toBe(7);
});

test.each([null, undefined, "<html>", 4, {}])("an answer of %j still has a message", (body) => {
  expect(readApiError(502, body, null).message).toBe("The server answered 502");
});

test("server-sent events are the same however they are cut", () => {
  const text =
    'retry: 2000\n\nevent: spend\ndata: {"a":1}\n\n: still here\n\nevent: change\r\ndata: x\r\n\r\n';
  const whole = eventReader()(text);
  expect(whole).toEqual([
    { name: "spend", data: '{"a":1}' },
    { name: "change", data: "x" },
  ]);
  for (let at = 0; at <= text.length; at++) {
    const read = eventReader();
    expect([...read(text.slice(0, at)), ...read(text.slice(at))]).toEqual(whole);
  }
});

test("an address carries what is set, and nothing else", () => {
  const query = { search: "a&b", blocked: null, limit: 50, held: true, cursor: "" };
  expect(addressOf({ path: "/customer/list", query })).toBe("/customer/list?search=a%26b&limit=50&held=true");
  expect(addressOf({ path: "/model/info" })).toBe("/model/info");
});

test("a form for a budget sends amounts as they were typed and clears what is empty", () => {
  const values = {
    ...NEW_BUDGET,
    budget_id: " my-free-tier ",
    max_budget: "4.000000001",
    budget_duration: "custom",
    custom_duration: "12h",
    thresholds: "28.7 %, 95",
  };
  expect(requestOf(values)).toEqual({
    budget_id: "my-free-tier",
    max_budget: "4.000000001",
    soft_budget: null,
    budget_duration: "12h",
    tpm_limit: null,
    rpm_limit: null,
    max_parallel_requests: null,
    thresholds: [0.287, 0.95],
    budget_enforcement: null,
  });
});

test("a threshold that is no number is said where it was typed", () => {
  const attempt = (): object => requestOf({ ...NEW_BUDGET, thresholds: "85, often" });
  expect(attempt).toThrow(ApiError);
  expect(attempt).toThrow('got "often"');
});

test("a budget's form holds what the budget has", () => {
  const values = valuesOf({
    budget_id: "tier",
    soft_budget: null,
    max_budget: 0.0000001,
    max_parallel_requests: null,
    tpm_limit: 1000,
    rpm_limit: 0,
    model_max_budget: null,
    budget_duration: "2w",
    allowed_models: [],
    budget_reset_at: null,
    created_at: "2026-11-24T12:00:00Z",
    thresholds: [0.287, 0.95],
    budget_enforcement: "soft",
    created_by: "x",
    updated_at: "2026-11-24T12:00:00Z",
    updated_by: "x",
  });
  expect(values).toMatchObject({
    max_budget: "0.0000001",
    rpm_limit: "0",
    budget_duration: "custom",
    custom_duration: "2w",
    thresholds: "28.7, 95",
  });
});

test("an endpoint's form sends lists as lists, numbers as numbers, and leaves hidden headers alone", () => {
  expect(endpointRequest({ ...NEW_ENDPOINT, url: " https://x.example ", customers: "a\n\n b " })).toEqual({
    url: "https://x.example",
    description: null,
    event_types: null,
    customers: ["a", "b"],
    timeout_ms: 15_000,
    max_in_flight: 50,
    rate_per_second: null,
    signature: "v1",
  });
  const headers = (text: string): unknown => endpointRequest({ ...NEW_ENDPOINT, headers: text }).headers;
  expect(headers("x-a: 1\nx-b: c:d")).toEqual({ "x-a": "1", "x-b": "c:d" });
  expect(headers("-")).toBeNull();
  expect(() => headers("no colon")).toThrow("a name, a colon and a value");
  expect(endpointRequest({ ...NEW_ENDPOINT, timeout_ms: "soon" }).timeout_ms).toBe("soon");
});

test("an endpoint's changed form sends what is different, a cleared field as null", () => {
  const before = { ...NEW_ENDPOINT, url: "https://x.example", description: "books", event_types: "a,b" };
  const changes = (change: Partial<typeof before>): object =>
    endpointChanges(before, { ...before, ...change });
  expect(changes({})).toEqual({});
  expect(changes({ url: " https://x.example ", timeout_ms: "15000 " })).toEqual({});
  expect(changes({ timeout_ms: "20000" })).toEqual({ timeout_ms: 20_000 });
  expect(changes({ description: "", event_types: "b" })).toEqual({ description: null, event_types: ["b"] });
  expect(changes({ headers: "x-a: 1" })).toEqual({ headers: { "x-a": "1" } });
  expect(changes({ headers: "-" })).toEqual({ headers: null });
});

test.each([
  [{}, { sort: "spend", order: "desc" }],
  [{ sort: "user_id" }, { sort: "user_id", order: "asc" }],
  [
    { sort: "drop table", order: "up" },
    { sort: "spend", order: "desc" },
  ],
])("the address %j sorts customers by %j", (query: Record<string, string>, sorting) => {
  expect(readCustomerFilter((name) => query[name] ?? null)).toMatchObject(sorting);
});

test("a change by an operator is told as what is different after it", () => {
  const texts = (before: object | null, after: object | null): string[] =>
    changeItem({
      id: "aud_1",
      at: "2026-11-24T12:00:00Z",
      actor: "x",
      action: "customer.update",
      target_id: "acme",
      before: before as Record<string, unknown> | null,
      after: after as Record<string, unknown> | null,
    }).map(({ text }) => text);
  expect(texts(null, {})).toEqual(["Created by an operator"]);
  expect(texts({ blocked: false }, { blocked: true })).toEqual(["Blocked"]);
  expect(texts({ max_budget: 4 }, { max_budget: 8 })).toEqual(["Budget set to $8.00"]);
  expect(texts({ effective_budget_id: "a" }, { effective_budget_id: "b" })).toEqual(["Moved to b"]);
});
