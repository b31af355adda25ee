import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, expect, test, vi } from "vitest";
import { respondErrors } from "../../src/http/respond-errors.ts";
import { hashApiKey } from "../../src/lib/secrets.ts";
import type { AppContext } from "../../src/http/context.ts";
import { refuseAtOnce, type RefusalDeps } from "../../src/http/refuse-at-once.ts";
import { OVERLOADED } from "../../src/http/overloaded.ts";

afterEach(() => {
  vi.useRealTimers();
});

function open(deps: { refuses?: boolean; isDraining?: boolean } = {}) {
  const warn = vi.fn<(fields: object) => void>();
  const refuses = vi.fn<() => boolean>(() => deps.refuses ?? true);
  const refuse = refuseAtOnce({
    log: { warn } as unknown as RefusalDeps["log"],
    newId: (prefix) => `${prefix}_1`,
    masterKeyHash: hashApiKey("sk-right"),
    isDraining: () => deps.isDraining ?? false,
    callGate: { refuses },
  });
  return { refuse, refuses, warn };
}

type Answer = { status: number; headers: Record<string, string>; body: string };

function ask(
  refuse: ReturnType<typeof refuseAtOnce>,
  request: { method?: string; url?: string; headers?: Record<string, string>; complete?: boolean } = {},
  shouldKeepAlive = true,
): Answer | null {
  let answer: Answer | null = null;
  const response = {
    shouldKeepAlive,
    writeHead: (status: number, list: string[]) => {
      const pairs = Array.from({ length: list.length / 2 }, (_, at) => list.slice(2 * at, 2 * at + 2));
      answer = { status, headers: Object.fromEntries(pairs) as Record<string, string>, body: "" };
    },
    end: (body: string) => {
      answer!.body = body;
    },
  };
  const headers = { authorization: "Bearer sk-right", ...request.headers };
  const asked = { method: "POST", url: "/v1/chat/completions", complete: false, ...request, headers };
  const isRefused = refuse(asked as unknown as IncomingMessage, response as unknown as ServerResponse);
  expect(isRefused).toBe(answer !== null);
  return answer;
}

test("a call without a place gets the answer that the application would give", async () => {
  const headers: Record<string, string> = {};
  const ctx = {
    state: { requestId: "req_1", logFields: {} },
    status: 0,
    body: null as unknown,
    headerSent: false,
    set: (name: string | Record<string, string>, value?: string) =>
      Object.assign(headers, typeof name === "string" ? { [name]: value } : name),
  };
  const respond = respondErrors({
    log: {} as RefusalDeps["log"],
    isStoreFull: () => false,
    isStoreUnavailable: () => false,
  });
  await respond(ctx as unknown as AppContext, () => Promise.reject(OVERLOADED));
  const body = JSON.stringify(ctx.body);
  const { refuse } = open();
  expect(ask(refuse)).toEqual({
    status: ctx.status,
    // Koa's own, and the request log's.
    headers: {
      ...headers,
      "content-type": "application/json; charset=utf-8",
      "content-length": String(body.length),
      "x-request-id": "req_1",
    },
    body,
  });
  expect(headers).toEqual({ "retry-after": "1", "x-should-retry": "true" });
});

test("who has no key, or a wrong one, is told so, and counts for nothing", () => {
  const { refuse, refuses } = open();
  expect(ask(refuse, { headers: { authorization: "Bearer sk-wrong" } })).toBeNull();
  expect(ask(refuse, { headers: { authorization: "" } })).toBeNull();
  expect(refuses).not.toHaveBeenCalled();
  expect(ask(refuse, { headers: { authorization: "", "api-key": "sk-right" } })).not.toBeNull();
});

test("where the answer ends the connection the application waits for the body", () => {
  const { refuse } = open();
  expect(ask(refuse, { complete: false }, false)).toBeNull();
  expect(ask(refuse, { complete: true }, false)).not.toBeNull();
});

test.each([
  ["/chat/completions", true],
  ["/v1/chat/completions?api-version=1", true],
  ["/v1/chat/completions/x", false],
  ["/v1/models", false],
  ["/health/liveliness", false],
])("POST %s is a call: %s", (url, isCall) => {
  const { refuse, refuses } = open();
  expect(ask(refuse, { url }) !== null).toBe(isCall);
  // To be asked counts as a refusal.
  expect(refuses).toHaveBeenCalledTimes(isCall ? 1 : 0);
});

test("with a place, a large body or one of unknown length, or while the process drains, the application answers", () => {
  expect(ask(open({ refuses: false }).refuse)).toBeNull();
  expect(ask(open({ isDraining: true }).refuse)).toBeNull();
  const { refuse } = open();
  expect(ask(refuse, { method: "GET" })).toBeNull();
  expect(ask(refuse, { headers: { "content-length": String(64 * 1024 + 1) } })).toBeNull();
  expect(ask(refuse, { headers: { "transfer-encoding": "chunked" } })).toBeNull();
  expect(ask(refuse, { headers: { "content-length": String(64 * 1024) } })).not.toBeNull();
});

test("all that are refused within a second are told in one line", () => {
  vi.useFakeTimers();
  const { refuse, warn } = open();
  for (let at = 0; at < 3; at++) ask(refuse);
  expect(warn).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  ask(refuse);
  vi.advanceTimersByTime(1000);
  expect(warn.mock.calls).toEqual([
    [{ refused: 3 }, "http.overloaded"],
    [{ refused: 1 }, "http.overloaded"],
  ]);
});
