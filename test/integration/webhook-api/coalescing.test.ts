import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { formatNano } from "../../../src/lib/money.ts";
import { answering } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  closeTarget,
  deliveriesOf,
  deliveryId,
  openTarget,
  settled,
  type Target,
  verify,
} from "../../support/webhook-scene.ts";

let service: Service;
beforeAll(async () => {
  service = await Service.start();
});
afterAll(() => service.close());

async function target(coalesce: object, fields: object = {}): Promise<Target> {
  const made = await openTarget(service, answering(204), { coalesce, ...fields });
  onTestFinished(() => closeTarget(service, made));
  return made;
}

interface Batch {
  readonly type: string;
  readonly spend: number;
  readonly count: number;
  readonly customers: readonly {
    readonly customer_id: string;
    readonly count: number;
    readonly first_sequence: number;
    readonly last_sequence: number;
    readonly spend: number;
  }[];
  readonly events: readonly { readonly id: string; readonly sequence: number }[];
}

const batchesOf = ({ receiver, secret }: Target): Batch[] =>
  receiver.exchanges.map((exchange) => verify(exchange, secret) as Batch);

test("charges come together as soon as there are enough, each once, with exact sums and their numbers", async () => {
  const other = `other-${Date.now()}`;
  const mine = await target({ max_events: 4, max_seconds: 300 });
  await service.ask("PATCH", `/webhook/endpoints/${mine.endpointId}`, { customers: [mine.customer, other] });
  const ids = [...(await service.charge(mine.customer, 5)), ...(await service.charge(other, 3))];
  await waitUntil("two batches", () => mine.receiver.exchanges.length === 2);
  const batches = batchesOf(mine);
  expect(batches.map(({ type, count }) => [type, count])).toEqual([
    ["spend_tracked.batch", 4],
    ["spend_tracked.batch", 4],
  ]);
  expect(batches.flatMap(({ events }) => events.map(({ id }) => id)).toSorted()).toEqual(ids.toSorted());

  const rows = await service.store.collections.events.find({ _id: { $in: ids } }).toArray();
  const costOf = new Map(rows.map((row) => [row._id, row.type === "spend_tracked" ? row.costNano : 0n]));
  const bodyOf = new Map(rows.map((row) => [row._id, row.body]));
  for (const [index, batch] of batches.entries()) {
    const text = mine.receiver.exchanges[index]?.body ?? "";
    const total = batch.events.reduce((sum, { id }) => sum + (costOf.get(id) ?? 0n), 0n);
    expect(text.startsWith(`{"spend":${formatNano(total)},`)).toBe(true);
    for (const { id } of batch.events) expect(text).toContain(bodyOf.get(id));
    for (const part of batch.customers) {
      const own = batch.events.filter(
        (event) => rows.find(({ _id }) => _id === event.id)?.customerId === part.customer_id,
      );
      const numbers = own.map(({ sequence }) => sequence);
      expect([part.count, part.first_sequence, part.last_sequence]).toEqual([
        own.length,
        Math.min(...numbers),
        Math.max(...numbers),
      ]);
    }
    expect(batch.customers.reduce((sum, { count }) => sum + count, 0)).toBe(batch.count);
  }
});

test("charges that are too few come when the oldest has waited long enough", async () => {
  const mine = await target({ max_events: 100, max_seconds: 1 });
  await service.charge(mine.customer, 3);
  await waitUntil("a batch", () => mine.receiver.exchanges.length > 0);
  await waitUntil("all of them", () => batchesOf(mine).reduce((sum, { count }) => sum + count, 0) === 3);
});

test("each charge's own delivery names its batch, and is resent by it", async () => {
  const mine = await target({ max_events: 2, max_seconds: 300 });
  const [eventId = ""] = await service.charge(mine.customer);
  const own = deliveryId(mine, eventId);
  const waiting = await service.call("POST", `/webhook/deliveries/${own}/resend`);
  expect(waiting.status).toBe(409);
  await service.charge(mine.customer);
  await waitUntil("the batch", () => mine.receiver.exchanges.length === 1);
  const shown = await service.ask<{ state: string; batch_id: string }>("GET", `/webhook/deliveries/${own}`);
  expect(shown.state).toBe("batched");
  const refused = await service.call("POST", `/webhook/deliveries/${own}/resend`);
  expect([refused.status, refused.text]).toEqual([409, expect.stringContaining(shown.batch_id)]);
  expect((await service.call("POST", `/webhook/deliveries/${shown.batch_id}/resend`)).status).toBe(202);
  await waitUntil("it again", () => mine.receiver.exchanges.length === 2);
  expect(mine.receiver.exchanges[1]?.body).toBe(mine.receiver.exchanges[0]?.body);
});

test("switched off again, what was waiting comes one by one", async () => {
  const mine = await target({ max_events: 100, max_seconds: 300 });
  const ids = await service.charge(mine.customer, 3);
  expect((await deliveriesOf(service, mine)).map(({ state }) => state)).toEqual([
    "gathering",
    "gathering",
    "gathering",
  ]);
  await service.ask("PATCH", `/webhook/endpoints/${mine.endpointId}`, { coalesce: null });
  await settled(service, mine, { state: "delivered", count: 3 });
  const came = mine.receiver.exchanges.map(
    (exchange) => verify(exchange, mine.secret) as { id: string; type: string },
  );
  expect(came.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(new Set(came.map(({ type }) => type))).toEqual(new Set(["spend_tracked"]));
});
