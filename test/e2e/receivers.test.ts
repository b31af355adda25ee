import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Example,
  ExampleReceiver,
  nodeInMemory,
  nodeWithMongo,
  pythonWithSqlite,
} from "../support/example-receiver.ts";
import { usdText } from "../support/fake-upstream.ts";
import { readLedger } from "../support/ledger-rows.ts";
import { Load, payingCall } from "../support/load.ts";
import { newWebhookSecret } from "../support/receiver.ts";
import { type Scene, startScene } from "../support/scene.ts";
import { MASTER_KEY, type Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const KINDS: Readonly<Record<string, (stack: Stack) => Example>> = {
  "Node, in memory": nodeInMemory,
  "Node, MongoDB": ({ mongodbUrl }) => nodeWithMongo(mongodbUrl),
  "Python, SQLite": ({ dataDir }) => pythonWithSqlite(dataDir),
};
/** A receiver that has been away is tried again after a moment. */
const WEBHOOK_SETTINGS = { breaker_seconds: 1, retry_seconds: Array.from({ length: 50 }, () => 1) };

const ROOT = path.join(import.meta.dirname, "..", "..");
const HEALED_MS = 120_000;

let scene: Scene | undefined;
let stack: Stack;

beforeAll(async () => {
  scene = await startScene(["steady"], { generalSettings: { webhook_settings: WEBHOOK_SETTINGS } });
  ({ stack } = scene);
});
afterAll(() => scene?.dispose());

async function pay(customerId: string, calls: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    await payingCall(stack, { model: "steady", customerId, stream: false });
  }
}

/** Calls until the condition holds. */
async function payUntil(customerId: string, what: string, condition: () => boolean): Promise<void> {
  await waitUntil(what, async () => {
    await pay(customerId, 1);
    return condition();
  });
}

function send(method: string, pathname: string, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return stack.fetch(pathname, { method, headers, body: JSON.stringify(body) });
}

const post = (pathname: string, body: object = {}): Promise<Response> => send("POST", pathname, body);

async function setUrl(endpointId: string, url: string): Promise<void> {
  expect((await send("PATCH", `/webhook/endpoints/${endpointId}`, { url })).status).toBe(200);
}

/** The headers of an event that this secret signs. */
function headersOf(secret: string, body: string, at: Date): Record<string, string> {
  return {
    "webhook-id": "evt_forged",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign("evt_forged", at, body),
  };
}

/** A program that accepts everything and loses it, as a receiver does that answers before it books. */
async function acceptAndLose(): Promise<{ url: string; lost: () => number; close: () => void }> {
  let lost = 0;
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      lost++;
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}/`, lost: () => lost, close };
}

function sum(all: readonly bigint[]): bigint {
  return all.reduce((total, one) => total + one, 0n);
}

/** Waits until a receiver's books say what the ledger says, to the nano-dollar. */
async function expectBookedBy(receiver: ExampleReceiver, customers: readonly string[]): Promise<void> {
  const rows = await readLedger(stack.mongodbUrl, { customerId: { $in: customers } });
  const charges = Map.groupBy(rows, ({ customerId }) => customerId);
  const owed = customers.map((id) => [id, sum(charges.get(id)?.map(({ costNano }) => costNano) ?? [])]);
  await waitUntil(
    "the ledger's sums in the receiver's books",
    async () => {
      const booked = await receiver.booked();
      expect(customers.map((id) => [id, booked.get(id)])).toEqual(owed);
      return true;
    },
    HEALED_MS,
  );
}

describe.each(Object.keys(KINDS))("the example receiver: %s", (kind) => {
  let receiver: ExampleReceiver;
  let turn = 0;

  beforeAll(async () => {
    receiver = await ExampleReceiver.create(stack, KINDS[kind]!(stack));
    return async () => {
      await stack.fetch(`/webhook/endpoints/${receiver.endpointId}`, { method: "DELETE" });
    };
  });
  afterEach(() => receiver.kill());

  /** An id that no other test uses, and that has to be escaped in a path. */
  const newCustomer = (): string => `${kind}/${++turn} ü`;

  const expectBooked = (customers: readonly string[]): Promise<void> => expectBookedBy(receiver, customers);

  // Setup     a receiver that asks Spendhook for its secret.
  // Timeline  three charges; the last one is sent again because somebody asks for it.
  test("counts an event once that is sent again", async () => {
    const id = newCustomer();
    await receiver.start();
    await pay(id, 3);
    await expectBooked([id]);
    const query = new URLSearchParams({ endpoint_id: receiver.endpointId, customer_id: id });
    const { data } = (await (await stack.fetch(`/webhook/deliveries?${query.toString()}`)).json()) as {
      data: { id: string; event_id: string }[];
    };
    expect(data).toHaveLength(3);
    const [last] = data;
    expect((await post(`/webhook/deliveries/${last!.id}/resend`)).status).toBe(202);
    await waitUntil("the duplicate", () => receiver.output.includes(`duplicate ${last!.event_id}`));
    await expectBooked([id]);
  });

  // Timeline  charges arrive; some are accepted by something that loses them; then charges arrive again.
  // Proves    their numbers show the gap, and the receiver asks for what is missing.
  test("finds a gap and fills it", async () => {
    const id = newCustomer();
    await receiver.start();
    await pay(id, 2);
    await expectBooked([id]);
    const loser = await acceptAndLose();
    // A worker may send to the old address for another moment.
    await setUrl(receiver.endpointId, loser.url);
    await payUntil(id, "lost events", () => loser.lost() >= 3);
    await setUrl(receiver.endpointId, receiver.url);
    await payUntil(id, "the gap to be seen", () => receiver.output.includes(`gap: ${id} has no charge `));
    loser.close();
    await expectBooked([id]);
  });

  // Timeline  charges arrive; the receiver ends and loses its database; charges go on; it is started again.
  // Proves    the events that Spendhook keeps are enough to make the books anew.
  test("makes its books anew from all events", async () => {
    const [before, after] = [newCustomer(), newCustomer()];
    await receiver.start();
    await pay(before, 5);
    await expectBooked([before]);
    await receiver.kill();
    await receiver.example.loseBooks?.();
    await pay(before, 2);
    await pay(after, 2);
    await receiver.start(["--rebuild"]);
    expect(receiver.output).toContain("Rebuilt from all events");
    await expectBooked([before, after]);
  });

  test("refuses what Spendhook has not signed, or not in these minutes, and prints no secret", async () => {
    const id = newCustomer();
    await receiver.start();
    await pay(id, 1);
    await expectBooked([id]);
    const [row] = await readLedger(stack.mongodbUrl, { customerId: id });
    const body = row!.body.replace(row!._id, "evt_forged");
    const deliver = async (over: Record<string, string>, sent: string = body): Promise<number> => {
      const signed = headersOf(receiver.secret, sent, new Date());
      return (await fetch(receiver.url, { method: "POST", headers: { ...signed, ...over }, body: sent }))
        .status;
    };
    const minutesAgo = new Date(Date.now() - 301_000);
    const refused = [
      await deliver(headersOf(newWebhookSecret(), body, new Date())),
      await deliver(headersOf(receiver.secret, body, minutesAgo)),
      await deliver({ "webhook-timestamp": "hello" }),
      await deliver({ "webhook-id": "evt_other" }),
      await deliver({ "webhook-signature": "" }),
      await deliver({ "webhook-signature": "v1," }),
      await deliver(headersOf(receiver.secret, `${body} `, new Date())),
      // It may not even listen to the end.
      await deliver({}, body.padEnd(5_000_000)).catch(() => 413),
    ];
    expect(refused.filter((status) => status < 400 || status > 499)).toEqual([]);
    await expectBooked([id]);
    // The same bytes with a valid signature among others are taken: it was the signature that was missing.
    const signature = headersOf(receiver.secret, body, new Date())["webhook-signature"];
    expect(await deliver({ "webhook-signature": `v1a,AAAA v1,AAAA ${signature}` })).toBe(204);
    expect((await receiver.booked()).get(id)).toBe(2n * row!.costNano);
    expect(receiver.output).not.toContain(receiver.secret);
    expect(receiver.output).not.toContain(MASTER_KEY);
  });

  test("explains itself", () => {
    const [program = "", ...args] = receiver.example.command;
    const { status, stdout } = spawnSync(program, [...args, "--help"], { encoding: "utf8", cwd: ROOT });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^usage: .*\[--rebuild\]/i);
    for (const name of Object.keys(receiver.example.env)) expect(stdout).toContain(name);
  });
});

// Proves  what the README shows: the event as it was verified, on the terminal.
test("npm run example:receiver prints the verified event", async () => {
  const receiver = await ExampleReceiver.create(stack, nodeInMemory());
  await receiver.start();
  await pay("terminal", 1);
  const [row] = await readLedger(stack.mongodbUrl, { customerId: "terminal" });
  await waitUntil("the event", () => receiver.output.includes(row!.body));
  expect(receiver.output).toContain(`verified ${row!._id}: terminal spent ${usdText(row!.costNano)}, `);
  await receiver.kill();
});

// Setup     all three receivers; 2 clients that call without pause for 5 customers, one of whom passes a soft
//           budget, so that there are events of other types as well.
// Timeline  twice: answers flow, the receivers are killed in the middle and started again, on the same books
//           or, where there are none any more, after reading all events anew.
// Proves    what was answered 2xx is booked, what was not comes again, and nothing is counted twice.
test("the example receivers count every charge once, whenever they are killed", async () => {
  const receivers = await Promise.all(
    Object.values(KINDS).map((example) => ExampleReceiver.create(stack, example(stack))),
  );
  const start = (again: boolean): Promise<unknown> =>
    Promise.all(
      receivers.map((receiver) => {
        const args = again && receiver.example.loseBooks === null ? ["--rebuild"] : [];
        return receiver.start(args, { WEBHOOK_SECRET: receiver.secret });
      }),
    );
  const kill = (): Promise<unknown> => Promise.all(receivers.map((receiver) => receiver.kill()));
  const customers = Array.from({ length: 5 }, (_, index) => `killed-${index}`);
  const body = { user_id: customers[0], soft_budget: 0.00001 };
  expect((await post("/customer/new", body)).status).toBe(200);
  const load = new Load(stack, { model: "steady", clients: 2, customers });
  await start(false);
  for (const calls of [30, 70]) {
    load.start();
    await waitUntil(`${calls} calls`, () => load.paid.length >= calls);
    await kill();
    await load.stop();
    await start(true);
  }
  expect(load.failures).toEqual([]);
  for (const receiver of receivers) await expectBookedBy(receiver, customers);
  expect((await stack.customer(customers[0]!)).spend).toBeGreaterThan(body.soft_budget);
  await kill();
});
