import Koa from "koa";
import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { RequestState } from "../../../src/http/context.ts";
import { respondErrors } from "../../../src/http/respond-errors.ts";
import { liveEvents } from "../../../src/http/routes/live.ts";
import { type Serving, serve } from "../../../src/http/serve.ts";
import type { Watcher } from "../../../src/spend/live-feed.ts";
import { waitUntil } from "../../support/wait-until.ts";

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let serving: Serving | null = null;
afterEach(async () => {
  await serving?.drain(1000);
  serving = null;
});

/** The route alone, with a feed that does what the test says. */
async function open(watch: (watcher: Watcher) => (() => void) | null): Promise<Serving> {
  const app = new Koa<RequestState>();
  app.use(async (ctx, next) => {
    ctx.state.logFields = {};
    await next();
  });
  app.use(respondErrors({ log: quiet, isStoreUnavailable: () => false, isStoreFull: () => false }));
  app.use(liveEvents({ live: { watch }, sessions: { find: () => Promise.resolve(null) } }));
  serving = await serve(app.callback(), { port: 0, host: "127.0.0.1" });
  return serving;
}

test("one watcher too many is told to come back", async () => {
  const { port } = await open(() => null);
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
});

test("a client that does not read is dropped, and no longer told anything", async () => {
  const watchers: Watcher[] = [];
  let isOver = false;
  const { port } = await open((given) => {
    watchers.push(given);
    return () => {
      isOver = true;
    };
  });
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  const watching = await waitUntil("the watcher", () => watchers[0]);
  socket.pause();
  const events = "data: x\n\n".repeat(8000);
  await waitUntil("the end of the client", () => {
    for (let more = 0; more < 20; more++) watching.take(events);
    return isOver;
  });
  socket.destroy();
});

test("a client that leaves is no longer watched for", async () => {
  let isOver = false;
  const { port } = await open(() => () => {
    isOver = true;
  });
  const abort = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: abort.signal });
  expect(answer.status).toBe(200);
  expect(isOver).toBe(false);
  abort.abort();
  await waitUntil("the end", () => isOver);
});
