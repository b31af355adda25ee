import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connectionBounds, Connections } from "./connections.ts";
import { listen } from "./listen.ts";

/** A machine with too much to do may be this late itself to read what has come. */
const HEADERS_TIMEOUT_MS = 20_000;
/** How often Node looks for requests that are late. */
const CHECK_MS = 2000;
/** A request takes at least this long, and at the slowest a body comes at this pace; then it is cut off. */
const REQUEST_TIMEOUT_MS = 300_000;
const LEAST_BYTES_PER_SECOND = 64 * 1024;
const LINGER_MS = 10_000;
/** Longer than the idle time-out of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const IDLE_POLL_MS = 25;
/** Load balancers that ask for readiness every 2 s know by then that we leave; whoever calls later does not ask. */
const QUIET_MS = 2500;
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
   * Serves on until no call has come for 2.5 s, for so long at most: a load balancer that has read in our readiness
   * that we leave sends none. Ends at once where nobody has asked for anything, readiness included, for as long as a
   * connection is kept: then there is no balancer. Each answer now ends its connection, so that nobody is left to send on one that closes. Where
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
  /** How long a request that is answered before all of it was here may go on to come. */
  readonly lingerMs?: number;
  /** True: it has been answered, whole, and needs nothing else. */
  readonly refuse?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/**
 * Resolves when it listens; rejects with the system's error (EADDRINUSE, EACCES, …) when it cannot. What comes
 * too slowly is cut off; with many idle connections answers end theirs, and with far too many those that have been
 * idle the longest are closed.
 */
export async function serve(handle: Handle, options: ServeOptions): Promise<Serving> {
  const inFlight = new Set<Promise<void>>();
  const { lingerMs = LINGER_MS } = options;
  const connections = new Connections(connectionBounds(options.load?.maxRequests ?? 0), () =>
    performance.now(),
  );
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: Math.max(
      REQUEST_TIMEOUT_MS,
      ((options.maxBodyBytes ?? 0) / LEAST_BYTES_PER_SECOND) * 1000,
    ),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_MS,
  });
  const heard: Heard = { leaving: false, requestAt: -Infinity, callAt: -Infinity };
  server.on("request", (request, response) => {
    const { socket } = request;
    connections.busy(socket);
    if (heard.leaving || connections.areTooManyIdle) response.shouldKeepAlive = false;
    if (options.refuse?.(request, response) === true) {
      heard.requestAt = heard.callAt = performance.now();
      response.once("close", () => {
        connections.idle(socket);
        if (!request.complete) cutOffLater(request, lingerMs);
      });
      return;
    }
    heard.requestAt = performance.now();
    // A balancer goes on to ask how we are, also when it sends nobody any more.
    if (request.url?.startsWith("/health/") !== true) heard.callAt = heard.requestAt;
    const answered = handle(request, response).finally(() => {
      if (!request.complete) cutOffLater(request, lingerMs);
    });
    // Handled is not yet sent: a file may only begin to flow.
    const ended = Promise.all([answered, sent(response, socket)])
      .then(() => {})
      .finally(() => {
        inFlight.delete(ended);
        connections.idle(socket);
      });
    inFlight.add(ended);
  });
  server.on("connection", (socket) => {
    // Each request that is pipelined listens for its end.
    socket.setMaxListeners(0);
    connections.add(socket);
  });
  const { address, port, close } = await listen(server, options);
  let closed: Promise<void> | null = null;
  const stopListening = (): Promise<void> => (closed ??= close());
  return {
    address,
    port,
    leave: (limitMs) => {
      heard.leaving = true;
      return leave({ heard, stopListening }, limitMs);
    },
    drain: (deadlineMs) => drain({ server, stopListening, inFlight, sockets: connections.all }, deadlineMs),
  };
}

/** Resolves when the whole answer has left, or its client. One that waits for its turn does not tell of the latter. */
function sent(response: ServerResponse, socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      response.off("close", end);
      socket.off("close", end);
      resolve();
    };
    response.once("close", end);
    socket.once("close", end);
  });
}

/** Who sends on though the answer is there may be slow to see it, or means to keep the connection. */
function cutOffLater(request: IncomingMessage, lingerMs: number): void {
  const timer = setTimeout(() => request.socket.destroy(), lingerMs);
  request.once("close", () => clearTimeout(timer));
}

/** When the last request came, and the last that was a call. */
interface Heard {
  leaving: boolean;
  requestAt: number;
  callAt: number;
}

async function leave(
  { heard, stopListening }: { heard: Heard; stopListening: () => Promise<void> },
  limitMs: number,
): Promise<void> {
  const begun = performance.now();
  if (heard.requestAt + KEEP_ALIVE_TIMEOUT_MS < begun) return;
  const end = begun + limitMs;
  const quietAt = (): number => Math.max(begun, heard.callAt) + QUIET_MS;
  const waitUntil = (): number => Math.min(end, quietAt());
  while (waitUntil() > performance.now()) await delay(waitUntil() - performance.now());
  if (quietAt() <= performance.now()) return;
  // Right after the connections that have come were taken: one that is not yet taken then is lost.
  await new Promise((resolve) => setImmediate(resolve));
  void stopListening();
  // Who was let in before has its request on the way.
  await delay(LAST_REQUEST_MS);
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
