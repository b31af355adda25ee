import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const REQUEST_TIMEOUT_MS = 300_000;
const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than the idle time-out of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const IDLE_POLL_MS = 25;
/** After its client is cut off, a call still has its charge to record. */
const SETTLE_MS = 5000;

/** A listening HTTP server that knows its requests in flight, also those whose client has left. */
export interface Serving {
  readonly address: string;
  readonly port: number;
  /**
   * Answers on until the requests in flight are handled, so that readiness can say 503, then stops
   * listening. At the deadline clients that are still connected are cut off. Resolves when all requests have been handled.
   */
  drain(deadlineMs: number): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Resolves when it listens; rejects with the system's error (EADDRINUSE, EACCES, …) when it cannot. */
export async function serve(handle: Handle, at: { port: number; host: string }): Promise<Serving> {
  const inFlight = new Set<Promise<void>>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const handled = handle(request, response).finally(() => inFlight.delete(handled));
    inFlight.add(handled);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.listen(at.port, at.host);
  await once(server, "listening");
  const { address, port } = server.address() as AddressInfo;
  return { address, port, drain: (deadlineMs) => drain({ server, inFlight, sockets }, deadlineMs) };
}

interface Open {
  readonly server: Server;
  readonly inFlight: ReadonlySet<Promise<void>>;
  readonly sockets: ReadonlySet<Socket>;
}

async function drain({ server, inFlight, sockets }: Open, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  // Those that are in flight now: what arrives from here on is refused at once, and must not prolong it.
  await Promise.race([Promise.all(inFlight), delay(deadlineMs)]);
  const closed = once(server, "close");
  server.close();
  // Handled is not yet sent: the last answers leave, then their connections, kept open by the client, end.
  const idle = setInterval(() => {
    server.closeIdleConnections();
    // Opened ahead of need and never used: Node does not count these as idle.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  }, IDLE_POLL_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), Math.max(0, deadline - performance.now()));
  await closed;
  clearInterval(idle);
  clearTimeout(cutOff);
  await Promise.race([Promise.all(inFlight), delay(SETTLE_MS)]);
}
