import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Says whether bytes of a client are those that are waited for. */
export type Pattern = (bytes: Buffer) => boolean;

interface Watch {
  readonly pattern: Pattern;
  /** What is kept of a request like this: itself, its answer, or nothing. */
  readonly keep: "request" | "answer" | "nothing";
  readonly caught: (letGo: () => void) => void;
}

/**
 * Stands between a process and a service, so that a test can stop the process at a point of its work that
 * cannot be met by chance: when a request is on its way, or done but not yet answered.
 */
export class Gate {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #watches: Watch[] = [];
  #shut: boolean;

  private constructor(server: Server, url: string, shut: boolean) {
    this.#server = server;
    this.url = url;
    this.#shut = shut;
  }

  /** A gate to the service of this URL, open unless told otherwise; `url` leads through it. */
  static async to(url: string, options: { shut: boolean } = { shut: false }): Promise<Gate> {
    const target = new URL(url);
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const own = url.replace(target.host, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    const gate = new Gate(server, own, options.shut);
    server.on("connection", (client) => gate.#connect(client, Number(target.port)));
    return gate;
  }

  /** Lets nothing through, either way, as a service that hangs. */
  shut(): void {
    this.#shut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  open(): void {
    this.#shut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Drops every connection, as a network does that fails for a moment; the next ones are let through. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** True once somebody has connected. */
  get used(): boolean {
    return this.#sockets.size > 0;
  }

  /** Resolves when the next request like this has come; the service never sees it. */
  async holdRequest(pattern: Pattern): Promise<void> {
    await this.#watch(pattern, "request");
  }

  /** Resolves when the service has answered the next request like this; the answer is kept until `letGo`. */
  holdAnswer(pattern: Pattern): Promise<() => void> {
    return this.#watch(pattern, "answer");
  }

  /** Resolves when the service has answered the next request like this. */
  async answered(pattern: Pattern): Promise<void> {
    await this.#watch(pattern, "nothing");
  }

  #watch(pattern: Pattern, keep: Watch["keep"]): Promise<() => void> {
    return new Promise((caught) => this.#watches.push({ pattern, keep, caught }));
  }

  #connect(client: Socket, port: number): void {
    const service = connect({ port, host: "127.0.0.1", noDelay: true });
    const ends = [client, service];
    for (const socket of ends) {
      this.#sockets.add(socket);
      if (this.#shut) socket.pause();
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const end of ends) end.destroy();
      });
    }
    let watch: Watch | undefined;
    const kept: Buffer[] = [];
    client.on("data", (bytes: Buffer) => {
      watch ??= this.#watches.find(({ pattern }) => pattern(bytes));
      this.#watches = this.#watches.filter((one) => one !== watch);
      if (watch?.keep !== "request") service.write(bytes);
      else watch.caught(() => {});
    });
    service.on("data", (bytes: Buffer) => {
      if (watch?.keep === "answer") kept.push(bytes);
      else client.write(bytes);
      watch?.caught(() => {
        watch = undefined;
        for (const one of kept.splice(0)) client.write(one);
      });
      if (watch?.keep === "nothing") watch = undefined;
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
