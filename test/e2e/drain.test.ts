import { beforeEach, expect, test } from "vitest";
import { freePort, LOOPBACK } from "../../src/embedded/child.ts";
import { expectDelivered, expectVerified } from "../support/accounts.ts";
import { type FakeUpstream, openStream, sendChunk, sendDelta, wireUsage } from "../support/fake-upstream.ts";
import { readLedger } from "../support/ledger-rows.ts";
import type { Receiver } from "../support/receiver.ts";
import { startScene } from "../support/scene.ts";
import { isRunning, signalProcess } from "../support/process-tree.ts";
import type { Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Docker's patience between SIGTERM and SIGKILL. */
const PATIENCE_MS = 10_000;

let upstream: FakeUpstream;
let receiver: Receiver;
let stack: Stack;
/** Lets the upstream go on. */
let open: () => void;

beforeEach(async () => {
  const gate = Promise.withResolvers<void>();
  open = gate.resolve;
  const scene = await startScene(["stream", "whole"], {
    env: { LOG_LEVEL: "info", PORT: String(await freePort(LOOPBACK)) },
  });
  ({ upstream, receiver, stack } = scene);
  upstream.on("stream", async (exchange) => {
    openStream(exchange);
    await sendDelta(exchange, { content: "First " });
    await gate.promise;
    await sendDelta(exchange, { content: "last." });
    sendChunk(exchange, { choices: [], usage: wireUsage({ prompt: 11, completion: 2 }) });
    exchange.response.end("data: [DONE]\n\n");
  });
  upstream.on("whole", async (exchange) => {
    await gate.promise;
    await upstream.whole(exchange, { prompt: 11, completion: 2 });
  });
  return async () => {
    open();
    await scene.dispose();
  };
});

const CALL = { user: "ada", messages: [{ role: "user", content: "Hi" }] };

/** Starts a stream; resolves when its first word is here. */
async function openedStream(): Promise<{ rest: () => Promise<string>; leave: () => Promise<void> }> {
  const answer = await stack.chat({ model: "stream", stream: true, ...CALL });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("First")) text += (await reader.read()).value ?? "";
  return {
    rest: async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
      return text;
    },
    leave: () => reader.cancel(),
  };
}

function isDraining(): boolean {
  return /"process":"proxy".*"process\.stopping"/.test(stack.output);
}

/** SIGTERM; resolves when the proxy has begun to drain. */
async function beginStop(): Promise<{ ended: () => Promise<unknown> }> {
  let end: unknown;
  const stopped = stack.stop().then((result) => {
    end = result;
    return result;
  });
  await waitUntil("the proxy to drain", isDraining);
  return {
    ended: async () => {
      await waitUntil("the end of the service", () => end, PATIENCE_MS).catch(async (error: unknown) => {
        await stopped;
        throw error;
      });
      return end;
    },
  };
}

// Setup     a stream in the middle of its answer.
// Timeline  SIGTERM; the upstream goes on; the service ends; it is started again.
// Proves    the reader gets the whole stream; the stop waits for answers, not for connections that the
//           client keeps open as the SDK's do; the charge and its event are there.
test("SIGTERM lets a stream end properly, and its charge is kept and told", async () => {
  const stream = await openedStream();
  const stop = await beginStop();
  open();

  expect(await stream.rest()).toMatch(/last\..*\[DONE\]\n\n$/s);
  expect(await stop.ended()).toEqual({ code: 0, signal: null });
  await expectVerified(stack.dataDir);
  await stack.restart();
  const rows = await readLedger(stack.mongodbUrl, { customerId: "ada" });
  expect(rows).toMatchObject([{ estimated: false, usage: { promptTokens: 11, completionTokens: 2 } }]);
  await expectDelivered({ stack, receiver }, rows);
});

test("SIGTERM lets a call that is not streamed end properly, and its charge is kept", async () => {
  const call = stack.chat({ model: "whole", ...CALL });
  await waitUntil("the call at the upstream", () => upstream.seen.length > 0);
  const stop = await beginStop();
  open();

  const answer = await call;
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain("All is well.");
  expect(await stop.ended()).toEqual({ code: 0, signal: null });
  await stack.restart();
  expect(await readLedger(stack.mongodbUrl, { customerId: "ada" })).toHaveLength(1);
});

// Setup     a stream in the middle of its answer keeps the proxy draining.
// Timeline  SIGTERM; a load balancer asks for readiness.
// Proves    it is told 503 and balances elsewhere; a refused connection would be an error to each caller
//           that it sent here in the last moment.
test("while it drains, readiness is answered 503", async () => {
  const stream = await openedStream();
  const stop = await beginStop();
  const readiness = await fetch(`${stack.baseUrl}/health/readiness`).then(
    ({ status }) => status,
    (error: unknown) => error,
  );
  open();
  await stream.rest();

  expect(readiness).toBe(503);
  expect(await stop.ended()).toEqual({ code: 0, signal: null });
});

// Setup     a call in flight, streamed or not.
// Timeline  SIGTERM; the client loses patience and leaves; the upstream finishes what it is paid for.
// Proves    the last client's leaving does not close the books before its own charge is in them.
test("a reader who leaves while it drains is charged for what was generated", async () => {
  const stream = await openedStream();
  const stop = await beginStop();
  await stream.leave();

  expect(await stop.ended()).toEqual({ code: 0, signal: null });
  await stack.restart();
  expect(await readLedger(stack.mongodbUrl)).toMatchObject([{ customerId: "ada", estimated: true }]);
});

test("a caller who leaves while it drains is charged as the upstream counts", async () => {
  const patience = new AbortController();
  const call = stack.chat({ model: "whole", ...CALL }, { signal: patience.signal });
  const left = expect(call).rejects.toThrow("abort");
  await waitUntil("the call at the upstream", () => upstream.seen.length > 0);
  const stop = await beginStop();
  patience.abort();
  await left;
  open();

  expect(await stop.ended()).toEqual({ code: 0, signal: null });
  await stack.restart();
  expect(await readLedger(stack.mongodbUrl)).toMatchObject([
    { customerId: "ada", estimated: false, usage: { promptTokens: 11, completionTokens: 2 } },
  ]);
});

// Setup     a stream in the middle of its answer.
// Timeline  the stop is told twice at once, as by a terminal or a service manager that tells the whole group, and by
//           npm, which passes on what it has got; the upstream goes on.
// Proves    that is one word: the reader gets the whole stream, and the end is clean.
test.for<[NodeJS.Signals, NodeJS.Signals]>([
  ["SIGTERM", "SIGTERM"],
  ["SIGINT", "SIGINT"],
  ["SIGINT", "SIGTERM"],
])("%s and %s at once are one stop", async (signals) => {
  const stream = await openedStream();
  for (const signal of signals) await stack.kill("supervisor", signal);
  await waitUntil("the proxy to drain", isDraining);
  open();

  expect(await stream.rest()).toMatch(/last\..*\[DONE\]\n\n$/s);
  expect(await stack.ended()).toEqual({ code: 0, signal: null });
});

// Timeline  the stop is told again and again while the stream is still going on.
// Proves    who is not patient is obeyed, by all processes, and can start again.
test("who tells the stop again, a while later, means now", async () => {
  const stream = await openedStream();
  const started = stack.processes();
  let end: unknown;
  void stack.ended().then((result) => {
    end = result;
  });
  await waitUntil("the end", async () => {
    signalProcess(started[0]?.pid ?? 0, "SIGTERM");
    return end;
  });

  expect(end).toEqual({ code: 130, signal: null });
  await expect(stream.rest()).rejects.toThrow("terminated");
  await waitUntil("the end of every process", () => !started.some(({ pid }) => isRunning(pid)));
  await stack.restart();
  await expectVerified(stack.dataDir);
});

// Setup     a stream in the middle of its answer.
// Timeline  kill -9 of the supervisor; a start at once, at the same port; then the upstream goes on.
// Proves    the start says what it waits for, and then serves; the reader has the whole stream, the ledger its exact
//           charge, which takes a store that stays until its last client has gone.
test("a start after kill -9 of the supervisor waits for the proxy that still drains", async () => {
  const stream = await openedStream();
  const left = stack.processes();
  const proxy = await stack.pidOf("proxy");
  await stack.kill("supervisor", "SIGKILL");
  const again = stack.restart();
  again.catch(() => {});
  await waitUntil("a word of the new start", () =>
    stack.output.includes(`waiting for the proxy process of an earlier start (process ${proxy})`),
  );
  open();

  expect(await stream.rest()).toMatch(/last\..*\[DONE\]\n\n$/s);
  await again;
  expect((await stack.chat({ model: "whole", ...CALL })).status).toBe(200);
  await waitUntil("the end of all that was left", () => !left.some(({ pid }) => isRunning(pid)));
  const rows = await readLedger(stack.mongodbUrl, { customerId: "ada" });
  expect(rows).toHaveLength(2);
  expect(rows.every(({ estimated }) => !estimated)).toBe(true);
  await expectDelivered({ stack, receiver }, rows);
  await expectVerified(stack.dataDir);
});

// Timeline  kill -9 of the supervisor, and nobody starts it again; the upstream goes on.
// Proves    nothing outlives it but what drains: store and Redis stay for that, and then end as well.
test("nothing is left of a service whose supervisor was killed, once its calls have ended", async () => {
  const stream = await openedStream();
  const left = stack.processes();
  await stack.kill("supervisor", "SIGKILL");
  await waitUntil("the proxy to drain", isDraining);
  open();

  expect(await stream.rest()).toMatch(/last\..*\[DONE\]\n\n$/s);
  await waitUntil("the end of every process", () => {
    const running = left.filter(({ pid }) => isRunning(pid));
    if (running.length > 0) throw new Error(running.map(({ command }) => command).join(", "));
    return true;
  });
  await expectVerified(stack.dataDir);
  await stack.restart();
  expect(await readLedger(stack.mongodbUrl)).toMatchObject([{ customerId: "ada", estimated: false }]);
});
