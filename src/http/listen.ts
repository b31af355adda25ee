import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, createServer, type Server as Acceptor } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Node takes one connection per listening socket and turn of the event loop, and one with too much to do turns some
 * ten times a second.
 */
const ACCEPTORS = 256;
/** Connections that wait at each of them. */
const BACKLOG = 128;

export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Takes no more connections; resolves when those that were taken have ended. */
  readonly close: () => Promise<void>;
}

/**
 * Listens with several sockets on one port, so that new connections are taken as fast as they come also while
 * there is much to do; where the system cannot share a port, with one. Rejects with the system's error when the
 * port is another's, also one of our own that starts at the same time.
 */
export async function listen(server: Server, at: { port: number; host: string }): Promise<Listening> {
  const turn = await ownTurn(at.port);
  try {
    return await listenAlone(server, at);
  } finally {
    turn?.close();
  }
}

async function listenAlone(server: Server, at: { port: number; host: string }): Promise<Listening> {
  const { address, port } = await ownAddress(at);
  const shared = { port, host: address, backlog: BACKLOG, reusePort: true };
  const whole = { port, host: address, backlog: BACKLOG * ACCEPTORS };
  const acceptors: Acceptor[] = [];
  try {
    await begin(server, CAN_TAKE_TURNS ? shared : whole);
    const others = CAN_TAKE_TURNS ? ACCEPTORS - 1 : 0;
    while (acceptors.length < others) {
      // As http.createServer sets up its own.
      const acceptor = createServer({ allowHalfOpen: true, noDelay: true });
      acceptor.on("connection", (socket) => server.emit("connection", socket));
      await begin(acceptor, shared);
      acceptors.push(acceptor);
    }
  } catch (error) {
    if (server.listening || !CANNOT_SHARE.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await begin(server, whole);
  }
  const all = [server, ...acceptors];
  return {
    address,
    port,
    close: async () => {
      const closed = all.map((one) => once(one, "close"));
      for (const one of all) one.close();
      await Promise.all(closed);
    },
  };
}

/**
 * Between having a port alone and sharing it, it is nobody's: starts at one port take turns, by a name that the
 * system frees with the process. Null where nobody else asks for the port: the system chooses it.
 */
async function ownTurn(port: number): Promise<Acceptor | null> {
  if (!CAN_TAKE_TURNS || port === 0) return null;
  const end = performance.now() + TURN_MS;
  for (;;) {
    const turn = createServer();
    try {
      turn.listen({ path: `\0spendhook-listen-${port}` });
      await once(turn, "listening");
      return turn;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || performance.now() > end) throw error;
      await delay(TURN_POLL_MS);
    }
  }
}

/** Names that are no files are Linux's alone; elsewhere one socket listens, and nobody can share its port. */
const CAN_TAKE_TURNS = process.platform === "linux";
/** A start that takes longer to listen is stuck. */
const TURN_MS = 10_000;
const TURN_POLL_MS = 20;

const CANNOT_SHARE = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOPROTOOPT", "EINVAL"]);

/** A port that is shared would be shared with a stranger, too: it is had alone first, which fails where somebody is. */
async function ownAddress(at: { port: number; host: string }): Promise<AddressInfo> {
  const alone = createServer();
  await begin(alone, at);
  const address = alone.address() as AddressInfo;
  alone.close();
  await once(alone, "close");
  return address;
}

async function begin(
  server: Acceptor,
  options: { port: number; host: string; backlog?: number; reusePort?: boolean },
): Promise<void> {
  server.listen(options);
  await once(server, "listening");
}
