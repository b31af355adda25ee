import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Service } from "../support/service.ts";
import { MASTER_KEY } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

let service: Service;
beforeAll(async () => {
  service = await Service.start({ workers: [] });
});
afterAll(() => service.close());

/** A client that writes what the test says, and keeps what it is answered. */
class Client {
  readonly socket: Socket;
  text = "";
  closed = false;

  constructor() {
    const { hostname, port } = new URL(service.url("/"));
    this.socket = connect(Number(port), hostname);
    this.socket.setEncoding("utf8").on("data", (text: string) => (this.text += text));
    this.socket.on("error", () => {}).on("close", () => (this.closed = true));
  }

  head(method: string, path: string, headers: Record<string, string | number>): void {
    const lines = Object.entries({ host: "x", ...headers }).map(([name, value]) => `${name}: ${value}`);
    this.socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  }

  /** One byte a second, for as long as it is listened to. */
  drip(): void {
    const timer = setInterval(() => this.socket.write("x"), 1000);
    this.socket.once("close", () => clearInterval(timer));
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1] ?? 0);
  }
}

const KEY = { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" };
const CHAT = "/v1/chat/completions";

describe.concurrent("a connection is closed", () => {
  test.for([
    { what: "that never sends anything", begin: () => {}, status: 408 },
    {
      what: "whose headers drip",
      begin: (client: Client) => {
        client.socket.write(`POST ${CHAT} HTTP/1.1\r\nx-slow: `);
        client.drip();
      },
      status: 408,
    },
    {
      what: "whose call's body drips",
      begin: (client: Client) => {
        client.head("POST", CHAT, { ...KEY, "content-length": 1000 });
        client.drip();
      },
      status: 408,
    },
    {
      what: "whose call's body stops in the middle",
      begin: (client: Client) => {
        client.head("POST", CHAT, { ...KEY, "content-length": 1_000_000 });
        client.socket.write("x".repeat(500_000));
      },
      status: 408,
    },
    {
      what: "whose change's body drips",
      begin: (client: Client) => {
        client.head("POST", "/customer/new", { ...KEY, "content-length": 1000 });
        client.drip();
      },
      status: 408,
    },
    {
      what: "whose sign-in takes too long, whatever its pace",
      begin: (client: Client) => {
        client.head("POST", "/ui/api/session", { "content-length": 16_000 });
        const timer = setInterval(() => client.socket.write("x".repeat(1300)), 1000);
        client.socket.once("close", () => clearInterval(timer));
      },
      status: 408,
    },
    {
      what: "that has no key and keeps sending after its answer",
      begin: (client: Client) => {
        client.head("POST", CHAT, { "content-length": 1_000_000 });
        client.drip();
      },
      status: 401,
    },
  ])("$what", async ({ begin, status }) => {
    const client = new Client();
    await once(client.socket, "connect");
    begin(client);
    await waitUntil("the end of the connection", () => client.closed);
    expect(client.status).toBe(status);
  });
});

test("a slow but steady body is read, and one without a length", async () => {
  const body = JSON.stringify({
    model: "mock",
    messages: [{ role: "user", content: "All is well. ".repeat(20_000) }],
  });
  const sized = new Client();
  sized.head("POST", CHAT, { ...KEY, "content-length": body.length });
  const chunked = new Client();
  chunked.head("POST", CHAT, { ...KEY, "transfer-encoding": "chunked" });
  for (let at = 0; at < body.length; at += 25_000) {
    const piece = body.slice(at, at + 25_000);
    sized.socket.write(piece);
    chunked.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  chunked.socket.write("0\r\n\r\n");
  await waitUntil("both answers", () => sized.status !== 0 && chunked.status !== 0);
  expect([sized.status, chunked.status]).toEqual([200, 200]);
  for (const { socket } of [sized, chunked]) socket.destroy();
});

test("a sign-in of more than 16 KiB is refused", async () => {
  const { status } = await service.call("POST", "/ui/api/session", { key: "x".repeat(17_000) });
  expect(status).toBe(413);
});
