import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Connections } from "./connections.ts";
import { listen } from "./listen.ts";

/** A machine with too much to do may be this late itself to read what has come. */
const HEADERS_TIMEOUT_MS = 20_000;
/** How often Node looks for requests that are late, and we for idle connections. */
const CHECK_MS = 2000;
const TRIM_MS = 5000;
/** A request takes at least this long, and at the slowest a body comes at this pace; then it is cut off. */
const REQUEST_TIMEOUT_MS = 300_000;
const LEAST_BYTES_PER_SECOND = 64 * 1024;
/** A request that is answered before all of it was here has so long to end, and is then cut off. */
const LINGER_MS = 10_000;
/** A call needs one; with as many again callers keep theirs open between calls. */
const CONNECTIONS_PER_CALL = 2;
const FEWEST_CONNECTIONS = 4096;
/** Longer than the idle time-out of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const IDLE_POLL_MS = 25;
/** When nobody has called for so long, nobody sends calls here any more. */
const QUIET_MS = 1000;
/** A connection so new may have its first request on the way. */
const FIRST_REQUEST_MS = 1000;
/** In this time a request follows its connection. */
const LAST_REQUEST_MS = 500;
/** After its client is cut off, a call still has its charge to record. */
const SETTLE_MS = 5000;

/** A listening HTTP server that knows its requests in flight, also those whose client has left. */
export interface Serving {
  readonly address: string;
  readonly port: number;
  /**
   * Serves on while calls keep coming, for so long at most: a load balancer that has read in our readiness that we
   * leave sends none. Each answer now ends its connection, so that nobody is left to send on one that closes. Where
   * calls still come at the end it stops listening: a balancer that asks nobody takes the next of its servers when a
   * connection is refused, and passes on a 503.
   */
  leave(limitMs: number): Promise<void>;
  /**
   * Answers on until the requests in flight are handled, so that readiness can say 503, then stops
   * listening, unless it has before. At the deadline clients that are still connected are cut off. Resolves when all requests have been handled.
   */
  drain(deadlineMs: number): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly maxBodyBytes?: number;
  readonly load?: { readonly maxRequests: number };
}

/**
 * Resolves when it listens; rejects with the system's error (EADDRINUSE, EACCES, …) when it cannot. What comes
 * too slowly is cut off; when there are too many connections those that have been idle the longest are closed.
 */
export async function serve(handle: Handle, options: ServeOptions): Promise<Serving> {
  const inFlight = new Set<Promise<void>>();
  const connections = new Connections(
    Math.max(FEWEST_CONNECTIONS, CONNECTIONS_PER_CALL * (options.load?.maxRequests ?? 0)),
    () => performance.now(),
  );
  const trimming = setInterval(() => connections.trim(), TRIM_MS).unref();
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: Math.max(
      REQUEST_TIMEOUT_MS,
      ((options.maxBodyBytes ?? 0) / LEAST_BYTES_PER_SECOND) * 1000,
    ),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_MS,
  });
  let leaving = false;
  let lastCallAt = -Infinity;
  server.on("request", (request, response) => {
    connections.busy(request.socket);
    if (leaving) response.shouldKeepAlive = false;
    // A balancer goes on to ask how we are, also when it sends nobody any more.
    if (request.url?.startsWith("/health/") !== true) lastCallAt = performance.now();
    const handled = handle(request, response).finally(() => {
      inFlight.delete(handled);
      connections.idle(request.socket);
      if (!request.complete) cutOffLater(request);
    });
    inFlight.add(handled);
  });
  server.on("connection", (socket) => connections.add(socket));
  server.once("close", () => clearInterval(trimming));
  const { address, port, close } = await listen(server, options);
  let closed: Promise<void> | null = null;
  const stopListening = (): Promise<void> => (closed ??= close());
  return {
    address,
    port,
    leave: async (limitMs) => {
      leaving = true;
      const end = performance.now() + limitMs;
      const quietAt = (): number => lastCallAt + QUIET_MS;
      const waitUntil = (): number => Math.min(end, quietAt());
      while (waitUntil() > performance.now()) await delay(waitUntil() - performance.now());
      if (quietAt() <= performance.now()) return;
      void stopListening();
      // Who was let in before has its request on the way.
      await delay(LAST_REQUEST_MS);
    },
    drain: (deadlineMs) => drain({ server, stopListening, inFlight, sockets: connections.all }, deadlineMs),
  };
}

/** Who sends on though the answer is there may be slow to see it, or means to keep the connection. */
function cutOffLater(request: IncomingMessage): void {
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once("close", () => clearTimeout(timer));
}

interface Open {
  readonly server: Server;
  /** Resolves when its last connection has ended. */
  readonly stopListening: () => Promise<void>;
  readonly inFlight: ReadonlySet<Promise<void>>;
  /** When each was opened. */
  readonly sockets: ReadonlyMap<Socket, number>;
}

async function drain({ server, stopListening, inFlight, sockets }: Open, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  // Those that are in flight now: what arrives from here on is refused at once, and must not prolong it.
  await Promise.race([Promise.all(inFlight), delay(deadlineMs)]);
  const closed = stopListening();
  // Handled is not yet sent: the last answers leave, then their connections, kept open by the client, end.
  const idle = setInterval(() => {
    server.closeIdleConnections();
    // Opened ahead of need and never used: Node does not count these as idle.
    const before = performance.now() - FIRST_REQUEST_MS;
    for (const [socket, openedAt] of sockets) {
      if (socket.bytesRead === 0 && openedAt < before) socket.destroy();
    }
  }, IDLE_POLL_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), Math.max(0, deadline - performance.now()));
  await closed;
  clearInterval(idle);
  clearTimeout(cutOff);
  await Promise.race([Promise.all(inFlight), delay(SETTLE_MS)]);
}
