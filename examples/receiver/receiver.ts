import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import Koa from "koa";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { type Account, booksInMemory, booksInMongo, type Event } from "./books.ts";

const HELP = `Usage: node receiver.ts [--rebuild]

Receives Spendhook's events: verifies each one, books each charge once, asks for the ones that are missing,
and knows to the nano-dollar what every customer has spent.

  --rebuild   read all events from Spendhook first: for a receiver that has lost its database
  --help      print this text

Environment:
  PORT                  where to listen on this machine (4010)
  SPENDHOOK_URL         where to ask for missing events (http://127.0.0.1:4000)
  MASTER_KEY            Spendhook's operator key (sk-1234)
  ENDPOINT_ID           the webhook endpoint that delivers here (default)
  WEBHOOK_SECRET        its signing secret (unset: Spendhook is asked for it)
  RECEIVER_MONGODB_URL  a MongoDB replica set to keep the books in (unset: in memory)
`;

const { values: options } = parseArgs({
  options: { rebuild: { type: "boolean" }, help: { type: "boolean", short: "h" } },
});
if (options.help === true) {
  process.stdout.write(HELP);
  process.exit(0);
}
const setting = (name: string, otherwise: string): string => process.env[name] || otherwise;
const port = Number(setting("PORT", "4010"));
const spendhook = setting("SPENDHOOK_URL", "http://127.0.0.1:4000");
const endpointId = setting("ENDPOINT_ID", "default");
const givenSecret = setting("WEBHOOK_SECRET", "");
const secretOrigin = givenSecret === "" ? `endpoint '${endpointId}' at ${spendhook}` : "WEBHOOK_SECRET";
const mongodbUrl = setting("RECEIVER_MONGODB_URL", "");
const PAGE = 1000;
const LOOK_FOR_GAPS_MS = 2000;
const MAX_BODY = 4 * 1024 * 1024;

if (mongodbUrl === "") console.log("RECEIVER_MONGODB_URL is not set: the books are kept in memory only");
const books = mongodbUrl === "" ? booksInMemory() : await booksInMongo(mongodbUrl);
let verifier: Webhook | undefined;

if (options.rebuild === true) {
  for await (const event of pull("/events")) await receive(event);
  console.log("Rebuilt from all events");
}

const app = new Koa();
app.on("error", (error: Error) => console.error(`not received: ${error.message}`));
app.use(async (ctx) => {
  const body = ctx.method === "POST" ? await readBody(ctx.req) : null;
  if (body === null) {
    ctx.status = ctx.method === "POST" ? 413 : 405;
    return;
  }
  // What fails from here on is answered 500, and Spendhook sends the event again later.
  verifier ??= new Webhook(await signingSecret());
  let event: Event & { readonly events?: readonly Event[] };
  try {
    // The signature covers the bytes as they came: verify before parsing.
    event = verifier.verify(body, ctx.headers as Record<string, string>) as Event;
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.error(`refused: ${error.message} (the secret is that of ${secretOrigin})`);
    ctx.status = 400;
    return;
  }
  // An endpoint with `coalesce` gets charges together.
  for (const one of event.type === "spend_tracked.batch" ? (event.events ?? []) : [event]) await receive(one);
  console.log(body.toString());
  // 2xx ends the delivery: only now, when everything is booked.
  ctx.status = 204;
});
const server = app.listen(port, "127.0.0.1", () => {
  console.log(`Receiver listens on http://127.0.0.1:${port}/webhook; its secret is that of ${secretOrigin}`);
});
server.on("error", (error) => {
  console.error(`Port ${port} cannot be used (${error.message}); set PORT to another`);
  process.exit(1);
});

let gapsBefore = new Map<string, number>();
for (;;) {
  await delay(LOOK_FOR_GAPS_MS);
  await fillGaps().catch((error: unknown) => console.error(`gaps are not filled yet: ${String(error)}`));
}

/** Null when it is too long. */
async function readBody(request: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receive(event: Event): Promise<Account | null> {
  const account = await books.book(event);
  if (account === null) {
    console.log(`duplicate ${event.id}: already counted`);
    return null;
  }
  const what =
    event.type === "spend_tracked"
      ? `${event.customer_id} spent ${event.spend}, ${usd(account.spentNano)} in total`
      : event.type;
  console.log(`verified ${event.id}: ${what}`);
  return account;
}

/** Charges overtake each other by moments: what is still missing at the next look is a gap. */
async function fillGaps(): Promise<void> {
  const gaps = new Map(await books.gaps());
  for (const [customerId, through] of gaps) {
    if (gapsBefore.get(customerId) !== through) continue;
    console.log(`gap: ${customerId} has no charge ${through + 1}, asking for it`);
    for await (const event of pull(`/customer/${encodeURIComponent(customerId)}/events`, through)) {
      const account = await receive(event);
      if (account !== null && account.through === account.highest) break;
    }
  }
  gapsBefore = gaps;
}

/** Events after this sequence number (none: from the beginning), page by page to the end. */
async function* pull(path: string, start?: number): AsyncGenerator<Event> {
  let after = start === undefined ? "" : `&after=${start}`;
  for (;;) {
    const page = await ask<{ data: Event[]; next_cursor: string | null }>(`${path}?limit=${PAGE}${after}`);
    yield* page.data;
    if (page.data.length < PAGE || page.next_cursor === null) return;
    after = `&after=${encodeURIComponent(page.next_cursor)}`;
  }
}

async function signingSecret(): Promise<string> {
  if (givenSecret !== "") return givenSecret;
  const id = encodeURIComponent(endpointId);
  return (await ask<{ secret: string }>(`/webhook/endpoints/${id}/secret`)).secret;
}

async function ask<T>(path: string): Promise<T> {
  const headers = { authorization: `Bearer ${setting("MASTER_KEY", "sk-1234")}` };
  const answer = await fetch(spendhook + path, { headers, signal: AbortSignal.timeout(15_000) });
  if (!answer.ok) throw new Error(`Spendhook answered ${answer.status} to GET ${path}`);
  return (await answer.json()) as T;
}

function usd(nano: bigint): string {
  const digits = String(nano).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, "");
}
