import { once } from "node:events";
import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

interface Target {
  readonly port: number;
  readonly agent: Agent;
  isReady: boolean;
}

export interface BalancerOptions {
  /** How often it asks each proxy for readiness. */
  readonly everyMs: number;
}

/**
 * A load balancer as operators run one in front of proxies: it sends calls by turns, to those that it takes for ready, and keeps connections open.
 * A call that has been sent is never sent again: it may have been paid for. Only where nobody listens does it try the
 * next.
 */
export class Balancer {
  readonly #server: Server;
  readonly #targets: Target[];
  readonly #checks: NodeJS.Timeout;
  #turn = 0;

  private constructor(server: Server, ports: readonly number[], { everyMs }: BalancerOptions) {
    this.#server = server;
    this.#targets = ports.map((port) => ({
      port,
      agent: new Agent({ keepAlive: true, maxSockets: 64 }),
      isReady: true,
    }));
    server.on("request", (incoming, outgoing) => this.#pass(incoming, outgoing));
    this.#checks = setInterval(() => {
      for (const target of this.#targets) this.#check(target);
    }, everyMs);
  }

  static async start(ports: readonly number[], options: BalancerOptions): Promise<Balancer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Balancer(server, ports, options);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** True when it sends calls to this proxy. */
  sendsTo(port: number): boolean {
    return this.#targets.some((target) => target.port === port && target.isReady);
  }

  async close(): Promise<void> {
    clearInterval(this.#checks);
    for (const { agent } of this.#targets) agent.destroy();
    this.#server.closeAllConnections();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  /** On a connection of its own, as such checks are. */
  #check(target: Target): void {
    const check = request({ port: target.port, host: "127.0.0.1", path: "/health/readiness", agent: false });
    check.on("response", (answer) => {
      target.isReady = answer.statusCode === 200;
      answer.resume();
    });
    check.on("error", () => {
      target.isReady = false;
    });
    check.end();
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const body: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => body.push(chunk));
    incoming.on("end", () => {
      const turn = this.#turn++;
      const ready = this.#targets.filter(({ isReady }) => isReady);
      const order = [...ready.slice(turn % ready.length), ...ready.slice(0, turn % ready.length)];
      this.#send({ incoming, body: Buffer.concat(body), outgoing }, order);
    });
  }

  #send(
    call: { incoming: IncomingMessage; body: Buffer; outgoing: ServerResponse },
    [target, ...others]: readonly Target[],
  ): void {
    const { incoming, body, outgoing } = call;
    if (target === undefined) {
      outgoing.writeHead(502).end("no proxy is ready");
      return;
    }
    const { method, url, headers } = incoming;
    const { connection: _, ...passed } = headers;
    const sent = request({
      port: target.port,
      host: "127.0.0.1",
      agent: target.agent,
      method,
      path: url,
      headers: passed,
    });
    sent.on("response", (answer) => {
      const { connection: __, "keep-alive": ___, ...kept } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, kept);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") this.#send(call, others);
      else if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(`a call was lost: ${String(error)}`);
    });
    sent.end(body);
  }
}
