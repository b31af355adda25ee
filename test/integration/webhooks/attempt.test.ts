import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setDefaultCACertificates, type TlsOptions } from "node:tls";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPoster, type Posted, type Poster } from "../../../src/webhooks/post-event.ts";
import { newAuthority } from "../../support/certificates.ts";
import {
  answering,
  answerText,
  type Exchange,
  ProgrammableReceiver,
  type Script,
  startBlackHole,
} from "../../support/programmable-receiver.ts";
import { waitUntil } from "../../support/wait-until.ts";

const authority = newAuthority();
let poster: Poster;
beforeAll(() => {
  setDefaultCACertificates([authority.cert]);
  poster = createPoster({ allowPrivate: true, allowCidrs: [] });
});
afterAll(() => poster.close());

// The tests of this file run at once, so nothing of theirs is closed before the last has ended.
const opened: { close: () => unknown }[] = [];
afterAll(async () => {
  for (const { close } of opened) await close();
});

async function receive(script: Script, tls?: TlsOptions): Promise<ProgrammableReceiver> {
  const receiver = await ProgrammableReceiver.start(script, tls && { tls });
  opened.push({ close: () => receiver.close() });
  return receiver;
}

const BODY = Buffer.from('{"spend":0.001112}');

function post(url: string, timeoutMs = 5000): Promise<Posted> {
  return poster.post({ url, body: BODY, headers: { "content-type": "application/json" }, timeoutMs });
}

/** `delivered`-like status, or the failure's name. */
async function outcome(posted: Promise<Posted>): Promise<number | string> {
  const { result } = await posted;
  return result.kind === "response" ? result.status : result.code;
}

/** Writes something now and again until the peer is gone. */
function drip(socket: Exchange["socket"], text: () => string, everyMs = 20): void {
  const timer = setInterval(() => socket.write(text()), everyMs);
  socket.once("close", () => clearInterval(timer));
}

test.concurrent("row 1: a receiver that never accepts is a connect_timeout", async () => {
  const hole = await startBlackHole();
  opened.push(hole);
  expect(await outcome(post(`http://127.0.0.1:${hole.port}/`))).toBe("connect_timeout");
});

test.concurrent("row 2: a receiver that refuses is a connection_refused", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  expect(await outcome(post(`http://127.0.0.1:${port}/`))).toBe("connection_refused");
});

test.concurrent("row 3: a receiver that never answers is a header_timeout, and its socket is given up", async () => {
  const receiver = await receive(() => {});
  expect(await outcome(post(receiver.url(), 300))).toBe("header_timeout");
  await waitUntil("the socket to close", () => receiver.open === 0);
});

test.concurrent.each<[string, Script]>([
  [
    "headers that drip",
    ({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\nx-drip: ");
      drip(socket, () => "a");
    },
  ],
  [
    "early hints without end",
    ({ socket }) => drip(socket, () => "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
  ],
])("row 4: %s do not prolong the wait for the answer", async (_what, script) => {
  const receiver = await receive(script);
  expect(await outcome(post(receiver.url(), 500))).toBe("header_timeout");
  await waitUntil("the socket to close", () => receiver.open === 0);
});

test.concurrent.each([
  ["row 5", 200],
  ["row 6", 500],
])(
  "%s: a %i whose body never ends is decided by its headers, and its socket is given up",
  async (_row, status) => {
    const receiver = await receive(({ socket }) => {
      socket.write(`HTTP/1.1 ${status} Said\r\ntransfer-encoding: chunked\r\n\r\n`);
      drip(socket, () => "1\r\nx\r\n", 100);
    });
    const { result } = await post(receiver.url());
    expect(result).toMatchObject({ kind: "response", status, body: expect.stringMatching(/^x+$/) });
    await waitUntil("the socket to close", () => receiver.open === 0);
    expect(receiver.exchanges).toHaveLength(1);
  },
);

test.concurrent("row 7: of a body of a gigabyte little is read", async () => {
  const offered = 1024 * 1024 * 1024;
  const chunk = Buffer.alloc(64 * 1024, "x");
  let written = 0;
  const receiver = await receive(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${offered}\r\n\r\n`);
    const pour = (): void => {
      while (!socket.destroyed && written < offered && socket.write(chunk)) written += chunk.length;
    };
    socket.on("drain", pour);
    pour();
  });
  const { result } = await post(receiver.url());
  expect(result).toMatchObject({ status: 200, body: "x".repeat(4096) });
  await waitUntil("the socket to close", () => receiver.open === 0);
  // What the system's own buffers took, and no more.
  expect(written).toBeLessThan(32 * 1024 * 1024);
});

test.concurrent("row 8: a compressed answer that nobody asked for is not inflated", async () => {
  const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024, "a"));
  const receiver = await receive(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
    socket.write(bomb);
  });
  const { result } = await post(receiver.url());
  expect(result).toMatchObject({ status: 200 });
  expect(JSON.stringify(result)).not.toContain("aaaa");
  expect(receiver.exchanges[0]?.headers.get("accept-encoding")).toBe("identity");
});

test.concurrent.each([
  ["headers of more than 16 KiB", `HTTP/1.1 200 OK\r\nx-long: ${"a".repeat(20_000)}\r\n\r\n`],
  ["a malformed status line", "HTTP/1.1 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n"],
  ["HTTP/0.9", "<html>hello</html>"],
  ["two content-lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx"],
])("row 9: %s: a protocol_error", async (_what, text) => {
  const receiver = await receive(({ socket }) => void socket.end(text));
  expect(await outcome(post(receiver.url()))).toBe("protocol_error");
});

test.concurrent.each([
  ["before the headers", "", "connection_reset"],
  ["in the middle of the headers", "HTTP/1.1 200 OK\r\nx-half: a", "connection_reset"],
  ["in the middle of the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", 200],
])("row 10: a reset %s", async (_what, text, expected) => {
  const receiver = await receive(({ socket }) => {
    if (text === "") socket.resetAndDestroy();
    else socket.write(text, () => socket.resetAndDestroy());
  });
  expect(await outcome(post(receiver.url()))).toBe(expected);
  expect(receiver.exchanges).toHaveLength(1);
});

test.concurrent("row 10: a receiver that hangs up without a word is a connection_reset", async () => {
  const receiver = await receive(({ socket }) => void socket.end());
  expect(await outcome(post(receiver.url()))).toBe("connection_reset");
  expect(receiver.exchanges).toHaveLength(1);
});

test.concurrent("row 11: a body shorter than its content-length after a 200 is a success", async () => {
  const receiver = await receive(
    ({ socket }) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhi"),
  );
  expect((await post(receiver.url())).result).toMatchObject({ status: 200, body: "hi" });
});

test.concurrent.each<[string, (socket: Exchange["socket"]) => void]>([
  ["resets", (socket) => void socket.resetAndDestroy()],
  ["closes", (socket) => void socket.end()],
])(
  "row 12: a peer that %s an idle connection is sent the event again at once over a new one",
  async (_what, drop) => {
    const receiver = await receive(({ socket, onConnection }) => {
      if (onConnection === 1) socket.write(answerText(204));
      else drop(socket);
    });
    expect(await outcome(post(receiver.url()))).toBe(204);
    expect(await outcome(post(receiver.url()))).toBe(204);
    expect([receiver.connections, receiver.exchanges.length]).toEqual([2, 3]);
    expect(new Set(receiver.exchanges.map(({ body }) => body))).toEqual(new Set([BODY.toString()]));
  },
);

test.concurrent("row 12: it is sent again once, and not when anything has come back", async () => {
  const always = await receive(({ socket, number }) => {
    if (number === 1) socket.write(answerText(204));
    else socket.resetAndDestroy();
  });
  await post(always.url());
  expect(await outcome(post(always.url()))).toBe("connection_reset");
  expect(always.exchanges).toHaveLength(3);

  const halfway = await receive(({ socket, number }) => {
    if (number === 1) socket.write(answerText(204));
    else socket.write("HTTP/1.1 200 OK\r\nx-ha", () => socket.resetAndDestroy());
  });
  await post(halfway.url());
  expect(await outcome(post(halfway.url()))).toBe("connection_reset");
  expect(halfway.exchanges).toHaveLength(2);
});

test.concurrent("row 13: redirects are never followed, wherever they point", async () => {
  const target = await receive(answering(204));
  for (const status of [301, 302, 303, 307, 308]) {
    for (const location of [
      target.url(),
      "http://169.254.169.254/latest/meta-data",
      "/hook",
      "https://example.com/",
    ]) {
      const receiver = await receive(answering(status, { location }));
      expect(await outcome(post(receiver.url()))).toBe(status);
      expect(receiver.exchanges).toHaveLength(1);
    }
  }
  expect(target.connections).toBe(0);
});

test.concurrent.each([200, 204, 299, 300, 304, 400, 600, 999])(
  "row 14: status %i is told as it is",
  async (status) => {
    const receiver = await receive(answering(status));
    expect(await outcome(post(receiver.url()))).toBe(status);
  },
);

test.concurrent("row 14: interim answers are not the answer", async () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
  const receiver = await receive(({ socket }) => void socket.write(interim + answerText(500)));
  expect(await outcome(post(receiver.url()))).toBe(500);
});

test.concurrent("row 14: a receiver that switches protocols has not accepted, and its socket is given up", async () => {
  const receiver = await receive(({ socket }) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
  });
  expect(await outcome(post(receiver.url(), 500))).toBe("protocol_error");
  await waitUntil("the socket to close", () => receiver.open === 0);
});

const inAnHour = new Date(Date.now() + 3_600_000);
test.concurrent.each<[string | string[], (ms: number | null) => boolean]>([
  ["2", (ms) => ms === 2000],
  ["1.5", (ms) => ms === 1500],
  [inAnHour.toUTCString(), (ms) => ms !== null && ms > 3_500_000 && ms <= 3_600_000],
  [new Date(0).toUTCString(), (ms) => ms === null],
  ["1000000000", (ms) => ms === 86_400_000],
  ["1e9", (ms) => ms === null],
  ["abc", (ms) => ms === null],
  ["-1", (ms) => ms === null],
  [["3", "9"], (ms) => ms === 3000],
])("row 16: Retry-After %j is read, capped, and never negative", async (value, isRight) => {
  const receiver = await receive(answering(429, { "retry-after": value }));
  const { result } = await post(receiver.url());
  expect(result).toMatchObject({ status: 429 });
  expect(result).toSatisfy((one: { retryAfterMs: number | null }) => isRight(one.retryAfterMs));
});

const DAY_MS = 86_400_000;
const MINE = authority.issue({ dnsName: "localhost" });
test.concurrent.each<[string, TlsOptions, number | string]>([
  ["a good certificate", MINE, 204],
  [
    "an expired one",
    authority.issue({ dnsName: "localhost", notAfter: new Date(Date.now() - DAY_MS) }),
    "tls_error",
  ],
  ["a self-signed one", newAuthority(), "tls_error"],
  ["one of an authority that nobody knows", newAuthority().issue({ dnsName: "localhost" }), "tls_error"],
  ["one for another host", authority.issue({ dnsName: "other.test" }), "tls_error"],
  [
    "TLS 1.1",
    { ...MINE, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    "tls_error",
  ],
  [
    "no cipher in common",
    { ...MINE, maxVersion: "TLSv1.2", ciphers: "NULL-SHA256:@SECLEVEL=0" },
    "tls_error",
  ],
])("row 23: https with %s", async (_what, tls, expected) => {
  const receiver = await receive(answering(204), tls);
  expect(await outcome(post(receiver.url("localhost")))).toBe(expected);
  expect(receiver.exchanges).toHaveLength(expected === 204 ? 1 : 0);
});

test.concurrent.each<[string, (socket: Exchange["socket"]) => void]>([
  ["stalls", () => {}],
  ["speaks plain HTTP", (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")],
])("row 23: a server that %s in the TLS handshake is a tls_error", async (_what, onConnection) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => onConnection(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push({ close: () => server.close() });
  const { port } = server.address() as AddressInfo;
  expect(await outcome(post(`https://localhost:${port}/`, 8000))).toBe("tls_error");
});
