import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { Worker } from "node:worker_threads";

/** One request as it came over the wire, and the socket to answer it on, byte by byte. */
export interface Exchange {
  /** 1 for the first request of all, and so on. */
  readonly number: number;
  /** 1 for a connection's first request. */
  readonly onConnection: number;
  readonly socket: Socket;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export type Script = (exchange: Exchange) => void;

/** A server that speaks as badly as a test wants it to: the script writes whatever it likes on the socket. */
export class ProgrammableReceiver {
  readonly exchanges: Exchange[] = [];
  /** Sockets that were opened to it, whether or not anything came over them. */
  connections = 0;
  script: Script;
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();

  private constructor(script: Script, tls: TlsOptions | null) {
    this.script = script;
    this.#scheme = tls === null ? "http" : "https";
    const serve = (socket: Socket): void => this.#serve(socket);
    this.#server = tls === null ? createServer(serve) : createTlsServer(tls, serve);
    this.#server.on("connection", (socket: Socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(
    script: Script,
    options: { readonly tls?: TlsOptions; readonly host?: string } = {},
  ): Promise<ProgrammableReceiver> {
    const receiver = new ProgrammableReceiver(script, options.tls ?? null);
    receiver.#server.listen(0, options.host ?? "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Its address, under any spelling of the host. */
  url(host = "127.0.0.1"): string {
    return `${this.#scheme}://${host}:${this.port}/hook`;
  }

  /** How many sockets are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    let pending = Buffer.alloc(0);
    let onConnection = 0;
    // Peers that go away are what these tests are about.
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const request = takeRequest(pending);
        if (request === null) return;
        pending = request.rest;
        const { headers, body } = request;
        const number = this.exchanges.length + 1;
        const exchange = { number, onConnection: ++onConnection, socket, headers, body };
        this.exchanges.push(exchange);
        this.script(exchange);
      }
    });
  }
}

function takeRequest(
  bytes: Buffer<ArrayBuffer>,
): { headers: Map<string, string>; body: string; rest: Buffer<ArrayBuffer> } | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const lines = bytes.subarray(0, end).toString("latin1").split("\r\n").slice(1);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const length = Number(headers.get("content-length") ?? 0);
  const from = end + 4;
  if (bytes.length < from + length) return null;
  const body = bytes.subarray(from, from + length).toString("utf8");
  return { headers, body, rest: bytes.subarray(from + length) };
}

/** A whole answer as bytes; it keeps the connection unless a header says otherwise. */
export function answerText(
  status: number | string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body = "",
): string {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  return [`HTTP/1.1 ${status} Said`, `content-length: ${body.length}`, ...lines, "", body].join("\r\n");
}

/** Answers every request like this. */
export function answering(...answer: Parameters<typeof answerText>): Script {
  const text = answerText(...answer);
  return ({ socket }) => void socket.write(text);
}

const NEVER_ACCEPTS = `
  const { createServer } = require("node:net");
  const { parentPort } = require("node:worker_threads");
  const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
const FILL_MS = 300;
const MOST_FILLERS = 64;

/**
 * A port that never answers a SYN: its owner accepts nothing and its backlog is full, so the system drops what
 * comes, as a firewall does.
 */
export async function startBlackHole(): Promise<{ port: number; close: () => Promise<void> }> {
  const owner = new Worker(NEVER_ACCEPTS, { eval: true });
  const [port] = (await once(owner, "message")) as [number];
  const fillers: Socket[] = [];
  let taken = true;
  while (taken && fillers.length < MOST_FILLERS) {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    fillers.push(socket);
    taken = await Promise.race([
      once(socket, "connect").then(() => true),
      new Promise<false>((resolve) => {
        setTimeout(() => resolve(false), FILL_MS);
      }),
    ]);
  }
  return {
    port,
    close: async () => {
      for (const socket of fillers) socket.destroy();
      await owner.terminate();
    },
  };
}
