import { setTimeout as delay } from "node:timers/promises";
import autocannon from "autocannon";
import { Agent } from "undici";
import { serveCommands } from "./part.ts";
import { CUSTOMERS, type Target } from "./target.ts";

export interface Flood {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly failed: number;
}
export interface OneByOne {
  readonly ms: number[];
  readonly failed: number;
}
export interface Streams {
  readonly firstMs: number[];
  readonly failed: number;
}
export interface Paced {
  /** Request id and when its answer was complete, epoch milliseconds. */
  readonly ended: [string, number][];
  readonly failed: number;
}

const CONTENT = "Tell me something about the weather in Boston. ".repeat(10);
const agent = new Agent({ connections: 1024, headersTimeout: 60_000, bodyTimeout: 60_000 });
let turn = 0;

const PATH = "/v1/chat/completions";

function headers(key: string): Record<string, string> {
  return { "content-type": "application/json", authorization: `Bearer ${key}` };
}

function body(target: Target, model: string): string {
  return JSON.stringify({
    model,
    user: nextUser(target),
    messages: [{ role: "user", content: CONTENT }],
    ...(model === "frames" && { stream: true, stream_options: { include_usage: true } }),
  });
}

function nextUser({ prefix, users }: Target): string {
  const at = turn++;
  return users === undefined ? `${prefix}${at % CUSTOMERS}` : `${prefix}${users[at % users.length] ?? ""}`;
}

/** As many calls as fit through `connections` in `seconds`. */
async function flood(args: Target & { connections: number; seconds: number }): Promise<Flood> {
  const result = await autocannon({
    url: args.origin,
    connections: args.connections,
    duration: args.seconds,
    requests: [
      {
        method: "POST",
        path: PATH,
        headers: headers(args.key),
        setupRequest: (request) => ({ ...request, body: body(args, "whole") }),
      },
    ],
  });
  return {
    calls: result.requests.total,
    callsPerSecond: result.requests.average,
    failed: result.non2xx + result.errors,
  };
}

async function call(target: Target, model: string): Promise<{ ms: number; firstMs: number; id: string }> {
  const startedAt = performance.now();
  const response = await agent.request({
    origin: target.origin,
    path: PATH,
    method: "POST",
    headers: headers(target.key),
    body: body(target, model),
  });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new Error(`The call was answered ${response.statusCode}`);
  }
  let firstMs = 0;
  let end = "";
  for await (const chunk of response.body) {
    if (firstMs === 0) firstMs = performance.now() - startedAt;
    end = String(chunk);
  }
  if (model === "frames" && !end.endsWith("data: [DONE]\n\n")) throw new Error("The stream has no end");
  const id = response.headers["x-request-id"];
  return { ms: performance.now() - startedAt, firstMs, id: typeof id === "string" ? id : "" };
}

/** One call after another for `seconds`, each timed. */
async function oneByOne(args: Target & { seconds: number }): Promise<OneByOne> {
  const until = performance.now() + args.seconds * 1000;
  const ms: number[] = [];
  let failed = 0;
  while (performance.now() < until) {
    try {
      ms.push((await call(args, "whole")).ms);
    } catch {
      failed++;
    }
  }
  return { ms, failed };
}

/** `streams` streams at once, each timed to its first byte. They begin a little apart, as callers do. */
async function streams(args: Target & { streams: number; apartMs: number }): Promise<Streams> {
  const firstMs: number[] = [];
  let failed = 0;
  await Promise.all(
    Array.from({ length: args.streams }, async (_, index) => {
      await delay(index * args.apartMs);
      try {
        firstMs.push((await call(args, "frames")).firstMs);
      } catch {
        failed++;
      }
    }),
  );
  return { firstMs, failed };
}

/** `perSecond` calls a second for `seconds`, whether or not earlier ones have ended; when each one ended. */
async function paced(args: Target & { perSecond: number; seconds: number }): Promise<Paced> {
  const ended: [string, number][] = [];
  let failed = 0;
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  for (let made = 0; made < args.perSecond * args.seconds; made++) {
    const waitMs = startedAt + (made * 1000) / args.perSecond - performance.now();
    if (waitMs > 1) await delay(waitMs);
    calls.push(
      call(args, "whole").then(
        ({ id }) => {
          ended.push([id, Date.now()]);
        },
        () => {
          failed++;
        },
      ),
    );
  }
  await Promise.all(calls);
  return { ended, failed };
}

serveCommands(0, { flood, oneByOne, streams, paced });
