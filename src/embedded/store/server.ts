import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { serveConnection } from "./connection.ts";
import { Engine } from "./engine.ts";
import type { Log } from "./request.ts";
import { expireDocuments } from "./expire-documents.ts";
import { forgetOldReplies } from "./session.ts";
import { Storage } from "./storage.ts";

export interface StoreOptions {
  /** Where the data is; made if missing. One server at a time. */
  readonly dataDir: string;
  /** A loopback address, 127.0.0.1 by default; there is no authentication, so no other is accepted. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Listen on this Unix socket instead of TCP. */
  readonly socketPath?: string;
  /** Where it is noted that there is data, in the directory unless told otherwise. */
  readonly inUse?: string;
  /** There must be data already. */
  readonly existing?: boolean;
  readonly log?: Log;
}

export interface RunningStore {
  /** For the MongoDB driver. */
  readonly url: string;
  /** 0 on a Unix socket. */
  readonly port: number;
  /** Resolves when no client is connected, or after so long. */
  left(limitMs: number): Promise<void>;
  /** Ends connections, finishes what was answered and releases the directory. */
  close(): Promise<void>;
}

const MAINTENANCE_MS = 2_000;

/**
 * Starts a server that speaks MongoDB's wire protocol on files in `dataDir`. An acknowledged write is
 * on disk: it survives the death of the process at any moment. Rejects if the directory is in use or
 * the address cannot be had, and with DataLostError if data that was there is not.
 */
export async function startStore(options: StoreOptions): Promise<RunningStore> {
  const { dataDir, host = "127.0.0.1", port = 0, socketPath, log = () => {} } = options;
  if (!isLoopback(host)) throw new Error(`the embedded store listens on loopback only, not on ${host}`);
  const { inUse, existing } = options;
  const storage = new Storage(dataDir, { ...(inUse && { inUse }), ...(existing && { existing }) });
  const engine = new Engine(storage, log);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true });
  let connections = 0;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serveConnection(socket, { engine, log, id: ++connections });
  });
  try {
    await listen(server, socketPath === undefined ? { host, port } : { path: socketPath });
  } catch (error) {
    storage.close();
    throw error;
  }
  const timer = setInterval(() => maintain(engine), MAINTENANCE_MS);
  timer.unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    const closed = new Promise((resolve) => server.close(resolve));
    engine.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    storage.close();
  };
  const left = (limitMs: number): Promise<void> =>
    new Promise((resolve) => {
      const over = setTimeout(resolve, limitMs);
      const look = (): void => {
        if (sockets.size > 0) return;
        clearTimeout(over);
        resolve();
      };
      for (const socket of sockets) socket.once("close", look);
      server.on("connection", (socket) => socket.once("close", look));
      look();
    });
  return { ...addressOf(server, host, socketPath), left, close };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

async function listen(
  server: Server,
  where: { host: string; port: number } | { path: string },
): Promise<void> {
  // A socket left by a killed server cannot be bound again; lock.db says that nobody is using it.
  if ("path" in where) rmSync(where.path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function addressOf(
  server: Server,
  host: string,
  socketPath: string | undefined,
): { url: string; port: number } {
  const address = server.address();
  if (socketPath !== undefined || address === null || typeof address === "string") {
    return { url: `mongodb://${encodeURIComponent(socketPath ?? "")}/?directConnection=true`, port: 0 };
  }
  const shown = host.includes(":") ? `[${host}]` : host;
  return { url: `mongodb://${shown}:${address.port}/?directConnection=true`, port: address.port };
}

function maintain(engine: Engine): void {
  const now = Date.now();
  engine.maintain((view, reading) => {
    expireDocuments(view, reading, now);
    forgetOldReplies(view.sql, now);
  }, now);
}
