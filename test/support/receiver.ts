import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A fresh signing secret for WEBHOOK_SECRET. */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/** One POST that carried a valid signature. */
export interface Received {
  readonly id: string;
  readonly customerId: string;
  readonly sequence: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** How to answer a verified event. */
export type Reply = (received: Received, response: ServerResponse) => void;

const accept: Reply = (_received, response) => {
  response.writeHead(204).end();
};

/**
 * The operator's backend: verifies each event with the stock package and remembers it. `reply` may be set
 * to refuse, hang or hang up; what it does not accept is remembered under `attempts` only.
 */
export class Receiver {
  /** Every POST with a valid signature, in order. */
  readonly attempts: Received[] = [];
  /** Those that were answered with 2xx. */
  readonly accepted: Received[] = [];
  /** Why POSTs were refused as forged or broken: must stay empty. */
  readonly invalid: string[] = [];
  secret: string | (() => Promise<string>);
  reply: Reply = accept;
  #server: Server | null = null;
  #port = 0;

  constructor(secret: string | (() => Promise<string>)) {
    this.secret = secret;
  }

  static async start(secret: string | (() => Promise<string>)): Promise<Receiver> {
    const receiver = new Receiver(secret);
    await receiver.open();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hooks/t0ken-in-path`;
  }

  /** Listens, after `close` at the same port as before. */
  async open(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.#receive(Buffer.concat(chunks).toString("utf8"), request.headers, response).catch(
          (error: unknown) => {
            this.invalid.push(String(error));
            response.writeHead(400).end();
          },
        );
      });
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async #receive(body: string, headers: IncomingHttpHeaders, response: ServerResponse): Promise<void> {
    if (typeof this.secret !== "string") this.secret = await this.secret();
    const event = new Webhook(this.secret).verify(body, headers as Record<string, string>) as {
      id: string;
      customer_id: string;
      sequence: number;
    };
    if (event.id !== headers["webhook-id"]) throw new Error("webhook-id is not the event's id");
    const received = {
      id: event.id,
      customerId: event.customer_id,
      sequence: event.sequence,
      body,
      headers,
    };
    this.attempts.push(received);
    this.reply(received, response);
    if (response.headersSent && response.statusCode < 300) this.accepted.push(received);
  }

  /** The sequence numbers of a customer's accepted events, each once, ascending. */
  sequencesOf(customerId: string): number[] {
    const numbers = this.accepted.filter((one) => one.customerId === customerId).map((one) => one.sequence);
    return [...new Set(numbers)].toSorted((a, b) => a - b);
  }

  /** Ids that came more than once with different bytes: must stay empty. */
  changedDuplicates(): string[] {
    const bodies = new Map<string, string>();
    return this.attempts.flatMap(({ id, body }) => {
      const known = bodies.get(id) ?? body;
      bodies.set(id, known);
      return known === body ? [] : [id];
    });
  }

  /** Stops listening and drops every connection: the receiver is down. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

/** 1, 2, 3 … n. */
export function oneTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index + 1);
}
