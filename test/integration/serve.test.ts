import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { serve, type ServeOptions, type Serving } from "../../src/http/serve.ts";
import { waitUntil } from "../support/wait-until.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** `/file` is handled as soon as it begins to flow, as Koa does with a stream; it ends when the test says so. */
async function start(
  refuse?: ServeOptions["refuse"],
): Promise<{ serving: Serving; url: string; endFile: () => void; files: () => number }> {
  const files: ServerResponse[] = [];
  const handle = async ({ url }: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (url !== "/file") {
      response.end(url);
      return;
    }
    files.push(response);
    response.write("begin,");
  };
  const serving = await serve(handle, {
    port: 0,
    host: "127.0.0.1",
    ...(refuse !== undefined && { refuse, lingerMs: 100 }),
  });
  const endFile = (): void => {
    for (const response of files) response.end("end");
  };
  closers.push(
    () => serving.drain(1000),
    () => endFile(),
  );
  return { serving, url: `http://127.0.0.1:${serving.port}`, endFile, files: () => files.length };
}

/** A connection that asks for each of these at once, and keeps what it is answered. */
function ask({ port }: Serving, ...urls: string[]): { socket: Socket; text: () => string } {
  let text = "";
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  socket.on("data", (piece: string) => (text += piece)).on("error", () => {});
  socket.write(urls.map((url) => `GET ${url} HTTP/1.1\r\nhost: x\r\n\r\n`).join(""));
  closers.push(() => socket.destroy());
  return { socket, text: () => text };
}

// Setup     an answer that flows, though its handler is done with it; behind it, in one case, one that waits its turn.
// Timeline  the drain begins; somebody asks how we are; the answer ends.
// Proves    the drain waits for it, and tells who asks meanwhile.
test.each([[["/file"]], [["/file", "/behind"]]])("a drain waits until %j has left", async (urls) => {
  const { serving, url, endFile, files } = await start();
  const client = ask(serving, ...urls);
  await waitUntil("the file", () => files() === 1 && client.text().includes("begin,"));
  const drained = serving.drain(60_000);
  const answer = await fetch(`${url}/health/readiness`, { headers: { connection: "close" } });
  expect(await answer.text()).toBe("/health/readiness");
  endFile();
  await drained;
  if (!client.socket.closed) await once(client.socket, "close");
  expect(client.text()).toContain("end");
  expect(client.text().includes("/behind")).toBe(urls.includes("/behind"));
});

test("a client that leaves with an answer waiting its turn holds up no drain", async () => {
  const { serving, files } = await start();
  const client = ask(serving, "/file", "/behind");
  await waitUntil("the file", () => files() === 1 && client.text().includes("begin,"));
  client.socket.destroy();
  await serving.drain(2 ** 30);
});

/** 512 are kept while idle. */
const MANY = 600;

// Setup     a load balancer with more idle connections than are kept.
// Timeline  it asks on each of them once more.
// Proves    none was closed; answers end those that are too many.
test("connections that are too many end with an answer, not with a request on its way", async () => {
  const { serving, endFile, files } = await start();
  const clients = Array.from({ length: MANY }, () => ask(serving, "/file"));
  await waitUntil("the calls", () => files() === MANY);
  endFile();
  await waitUntil("the answers", () => clients.every(({ text }) => text().endsWith("0\r\n\r\n")));
  for (const { socket, text } of clients) {
    expect(text()).toContain("keep-alive");
    socket.write("GET /second HTTP/1.1\r\nhost: x\r\n\r\n");
  }
  await waitUntil("the second answers", () => clients.every(({ text }) => text().includes("/second")));
  const ended = clients.filter(({ text }) => text().toLowerCase().includes("connection: close"));
  expect(ended.length).toBeGreaterThan(0);
  // With these gone no more are idle than are kept, the one that asks aside.
  expect(ended.length).toBeLessThanOrEqual(MANY - 513);
  for (const { socket } of ended) if (!socket.closed) await once(socket, "close");
});

test("a server that nobody has asked for anything leaves at once", async () => {
  const { serving } = await start();
  await serving.leave(2 ** 30);
});

// Timeline  one call; the leave begins, and with it another call.
// Proves    a call that comes before a balancer can know is answered, and its connection ends.
test("a server that leaves answers calls on connections that end", async () => {
  const { serving, url } = await start();
  await (await fetch(`${url}/first`)).text();
  const left = serving.leave(60_000).then(() => "left");
  const answer = await fetch(`${url}/second`);
  expect([await answer.text(), answer.headers.get("connection")]).toEqual(["/second", "close"]);
  await expect(left).resolves.toBe("left");
});

/** Refuses what is posted, at once. */
const refusePosts: ServeOptions["refuse"] = ({ method }, response) => {
  if (method !== "POST") return false;
  response.writeHead(503, { "content-length": 3 });
  response.end("no\n");
  return true;
};
const POST = "POST /call HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";
const answersIn = (text: string): number => text.split("HTTP/1.1 503").length - 1;

// Timeline  a head; when it is refused its body; another call whole; then a file, and one more call behind it.
// Proves    a connection is used again after a refusal, and a refusal waits for its turn.
test("what is refused at once leaves its connection for the next request", async () => {
  const { serving, files, endFile } = await start(refusePosts);
  const { socket, text } = ask(serving);
  socket.write(POST);
  await waitUntil("the refusal", () => answersIn(text()) === 1);
  socket.write("0123456789");
  socket.write(`${POST}0123456789`);
  await waitUntil("the second refusal", () => answersIn(text()) === 2);
  socket.write(`GET /file HTTP/1.1\r\nhost: x\r\n\r\n${POST}0123456789`);
  await waitUntil("the file", () => files() === 1);
  expect(answersIn(text())).toBe(2);
  endFile();
  await waitUntil("the third refusal", () => answersIn(text()) === 3);
  expect(socket.destroyed).toBe(false);
});

// Setup     connections that were refused, as many as are kept while idle, and more.
// Proves    they count as idle again.
test("connections with a refusal behind them count as idle", async () => {
  const { serving } = await start(refusePosts);
  const clients = Array.from({ length: MANY }, () => ask(serving));
  for (const { socket } of clients) socket.write(`${POST}0123456789`);
  await waitUntil("the refusals", () => clients.every(({ text }) => answersIn(text()) === 1));
  const last = ask(serving, "/last");
  await waitUntil("the answer", () => last.text().includes("/last"));
  expect(last.text().toLowerCase()).toContain("connection: close");
});

// Timeline  a call is refused whose body never ends; the drain begins.
// Proves    it is cut off, though the drain would wait for weeks.
test("a refused call whose body never ends holds up no drain", async () => {
  const { serving } = await start(refusePosts);
  const { socket, text } = ask(serving);
  socket.write(`${POST}01`);
  await waitUntil("the refusal", () => answersIn(text()) === 1);
  await serving.drain(2 ** 30);
  if (!socket.closed) await once(socket, "close");
});
