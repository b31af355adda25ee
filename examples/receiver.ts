import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { Webhook } from "standardwebhooks";

/**
 * A receiver to try events with: verifies each one, drops duplicates by id, notices gaps by sequence and
 * prints what the customer has spent. `npm run example:receiver`, then start Spendhook with
 * WEBHOOK_URL=http://127.0.0.1:4010/webhook.
 */

interface SpendTracked {
  id: string;
  customer_id: string;
  sequence: number;
  spend: number;
  customer_spend: number;
}

const port = Number(process.env["RECEIVER_PORT"] ?? 4010);
const spendhook = process.env["SPENDHOOK_URL"] ?? "http://127.0.0.1:4000";
const masterKey = process.env["MASTER_KEY"] ?? "sk-1234";

// A real receiver keeps both in its database, in one transaction with its own bookkeeping.
const seen = new Set<string>();
const lastSequence = new Map<string, number>();
let verifier: Webhook | undefined;

const server = createServer((request, response) => {
  receive(request).then(
    (status) => response.writeHead(status).end(),
    (error: unknown) => {
      console.error(`refused: ${error instanceof Error ? error.message : "unknown"}`);
      response.writeHead(400).end();
    },
  );
});
server.listen(port, "127.0.0.1");
await once(server, "listening");
console.log(`Receiver listens on http://127.0.0.1:${port}/webhook`);

/** Any 2xx ends the delivery; anything else has Spendhook try again later. */
async function receive(request: IncomingMessage): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // The signature covers the bytes as they came: verify before parsing.
  const body = Buffer.concat(chunks).toString("utf8");
  verifier ??= new Webhook(await signingSecret());
  const event = verifier.verify(body, request.headers as Record<string, string>) as SpendTracked;
  if (seen.has(event.id)) {
    console.log(`duplicate ${event.id}: already counted`);
    return 204;
  }
  seen.add(event.id);
  // What was charged before this receiver began is none of its gaps.
  const previous = lastSequence.get(event.customer_id) ?? event.sequence - 1;
  if (event.sequence > previous + 1) {
    console.log(`gap: ${event.customer_id} went from charge ${previous} to ${event.sequence}`);
  }
  lastSequence.set(event.customer_id, Math.max(previous, event.sequence));
  console.log(
    `verified ${event.id}: ${event.customer_id} spent ${event.spend}, ${event.customer_spend} in total`,
  );
  console.log(body);
  return 204;
}

/** WEBHOOK_SECRET, or what Spendhook itself generated and tells its operator. */
async function signingSecret(): Promise<string> {
  const given = process.env["WEBHOOK_SECRET"];
  if (given !== undefined && given !== "") return given;
  const answer = await fetch(`${spendhook}/webhook/endpoints/default/secret`, {
    headers: { authorization: `Bearer ${masterKey}` },
    signal: AbortSignal.timeout(5000),
  });
  if (!answer.ok) throw new Error(`Spendhook answered ${answer.status} when asked for the signing secret`);
  return ((await answer.json()) as { secret: string }).secret;
}
