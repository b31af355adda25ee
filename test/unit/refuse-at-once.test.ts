import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test, vi } from "vitest";
import { refuseAtOnce, type RefusalDeps } from "../../src/http/refuse-at-once.ts";
import { OVERLOADED } from "../../src/http/overloaded.ts";
import { toErrorBody } from "../../src/errors.ts";

function open(deps: { refuses?: boolean; isDraining?: boolean } = {}) {
  const warn = vi.fn<(fields: object) => void>();
  const refuses = vi.fn<() => boolean>(() => deps.refuses ?? true);
  const refuse = refuseAtOnce({
    log: { warn } as unknown as RefusalDeps["log"],
    newId: (prefix) => `${prefix}_1`,
    isDraining: () => deps.isDraining ?? false,
    callGate: { refuses },
  });
  return { refuse, refuses, warn };
}

type Answer = { status: number; headers: Record<string, string>; body: string };

function ask(
  refuse: ReturnType<typeof refuseAtOnce>,
  request: { method?: string; url?: string; headers?: Record<string, string> } = {},
): Answer | null {
  let answer: Answer | null = null;
  const response = {
    writeHead: (status: number, list: string[]) => {
      const pairs = Array.from({ length: list.length / 2 }, (_, at) => list.slice(2 * at, 2 * at + 2));
      answer = { status, headers: Object.fromEntries(pairs) as Record<string, string>, body: "" };
    },
    end: (body: string) => {
      answer!.body = body;
    },
  };
  const asked = { method: "POST", url: "/v1/chat/completions", headers: {}, ...request };
  const isRefused = refuse(asked as unknown as IncomingMessage, response as unknown as ServerResponse);
  expect(isRefused).toBe(answer !== null);
  return answer;
}

test("a call without a place gets the answer that the application would give", () => {
  const { refuse } = open();
  const body = JSON.stringify(toErrorBody(OVERLOADED));
  expect(ask(refuse)).toEqual({
    status: 503,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "content-length": String(body.length),
      "x-request-id": "req_1",
      "x-should-retry": "true",
      "retry-after": "1",
    },
    body,
  });
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
  vi.useRealTimers();
});
