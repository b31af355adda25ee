import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Below the ports that systems hand out by themselves: nobody takes one of these between two of our own uses. */
const PORTS = { from: 10_000, count: 20_000 } as const;

/** An address at which a service is found only when a test says so. Until then connections to it are refused. */
export class LateAddress {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  private constructor(port: number) {
    this.port = port;
  }

  static async reserve(): Promise<LateAddress> {
    for (;;) {
      const address = new LateAddress(PORTS.from + Math.floor(Math.random() * PORTS.count));
      try {
        await address.#listen(() => {});
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") continue;
        throw error;
      }
      await address.#unlisten();
      return address;
    }
  }

  /** Accepts every connection and never says a word, nor ends it: as a machine that was cut off. */
  async hang(): Promise<void> {
    await this.#listen(() => {});
  }

  /** From now on whoever connects reaches this service. Who connected before is still not answered. */
  async lead(url: string): Promise<void> {
    await this.#unlisten();
    const { hostname, port } = new URL(url);
    await this.#listen((client) => {
      const service = connect({ host: hostname, port: Number(port), noDelay: true });
      this.#keep(service);
      client.pipe(service).pipe(client);
      for (const [one, other] of [
        [client, service],
        [service, client],
      ] as const) {
        one.on("close", () => other.destroy());
      }
    });
  }

  /** How many are connected. */
  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#unlisten();
  }

  async #listen(connected: (client: Socket) => void): Promise<void> {
    const server = createServer({ noDelay: true }, (client) => {
      this.#keep(client);
      connected(client);
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
  }

  /** The connections stay: a server's "close" would wait for them. */
  async #unlisten(): Promise<void> {
    this.#server?.close();
    this.#server = null;
    // The port is free when close returns; what is waited for is only what was accepted in the same turn.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
