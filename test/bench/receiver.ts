import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { serveCommands } from "./part.ts";

/** A fast receiver: verifies each event, remembers when it first came and how often. */
const verifier = new Webhook(process.env["SECRET"] ?? "");
const received = new Map<string, { customerId: string; sequence: number; at: number; times: number }>();
let forged = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    try {
      const event = verifier.verify(Buffer.concat(chunks), request.headers as Record<string, string>) as {
        request_id: string;
        customer_id: string;
        sequence: number;
      };
      const known = received.get(event.request_id);
      if (known === undefined) {
        received.set(event.request_id, {
          customerId: event.customer_id,
          sequence: event.sequence,
          at: Date.now(),
          times: 1,
        });
      } else known.times++;
      response.writeHead(204).end();
    } catch {
      forged++;
      response.writeHead(400).end();
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1");
await once(server, "listening");
serveCommands((server.address() as AddressInfo).port, {
  count: () => received.size,
  report: () => ({ forged, received: [...received] }),
});
