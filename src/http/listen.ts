import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, createServer, type Server as Acceptor } from "node:net";

/** Node takes one connection per listening socket and turn of the event loop; a busy one turns a hundred times a second. */
const ACCEPTORS = 64;
/** Connections that wait at each of them. */
const BACKLOG = 256;

export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Takes no more connections; resolves when those that were taken have ended. */
  readonly close: () => Promise<void>;
}

/**
 * Listens with several sockets on one port, so that new connections are taken as fast as they come also while
 * there is much to do; where the system cannot share a port, with one. Rejects with the system's error when the
 * port is another's.
 */
export async function listen(server: Server, at: { port: number; host: string }): Promise<Listening> {
  const { address, port } = await ownAddress(at);
  const shared = { port, host: address, backlog: BACKLOG, reusePort: true };
  const acceptors: Acceptor[] = [];
  try {
    await begin(server, shared);
    while (acceptors.length < ACCEPTORS - 1) {
      // As http.createServer sets up its own.
      const acceptor = createServer({ allowHalfOpen: true, noDelay: true });
      acceptor.on("connection", (socket) => server.emit("connection", socket));
      await begin(acceptor, shared);
      acceptors.push(acceptor);
    }
  } catch (error) {
    if (server.listening || !CANNOT_SHARE.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await begin(server, { port, host: address, backlog: BACKLOG * ACCEPTORS });
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
