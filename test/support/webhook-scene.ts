import type { DeliveryDoc } from "../../src/store/webhook-documents.ts";
import { deliveryIdOf, newDelivery } from "../../src/spend/plan-batch.ts";
import type { NoticeEventDoc } from "../../src/store/documents.ts";
import { createIds } from "../../src/lib/ids.ts";
import { Webhook } from "standardwebhooks";
import { type Exchange, ProgrammableReceiver, type Script } from "./programmable-receiver.ts";
import type { Service } from "./service.ts";
import { waitUntil } from "./wait-until.ts";

const newId = createIds();

/** A customer of a test's own, an endpoint that wants only this customer's events, and what receives them. */
export interface Target {
  readonly customer: string;
  readonly endpointId: string;
  readonly secret: string;
  readonly receiver: ProgrammableReceiver;
}

export async function openTarget(service: Service, script: Script, fields: object = {}): Promise<Target> {
  const customer = newId("customer");
  const receiver = await ProgrammableReceiver.start(script);
  const body = { url: receiver.url(), customers: [customer], ...fields };
  const made = await service.ask<{ id: string; secret: string }>("POST", "/webhook/endpoints", body);
  return { customer, endpointId: made.id, secret: made.secret, receiver };
}

/** Nothing more is sent to it. */
export async function closeTarget(service: Service, target: Target): Promise<void> {
  await service.call("DELETE", `/webhook/endpoints/${target.endpointId}`);
  await target.receiver.close();
}

/** Throws unless the stock verifier accepts what came. */
export function verify({ headers, body }: Exchange, secret: string): unknown {
  return new Webhook(secret).verify(body, Object.fromEntries(headers));
}

/** The ids of the events that came, each as often as it came. */
export function idsOf(receiver: ProgrammableReceiver): string[] {
  return receiver.exchanges.map(({ headers }) => headers.get("webhook-id") ?? "");
}

/** Deliveries of the endpoint as they lie in the store. */
export function deliveriesOf(
  service: Service,
  { endpointId }: Pick<Target, "endpointId">,
): Promise<DeliveryDoc[]> {
  return service.store.collections.deliveries.find({ endpointId }).sort({ createdAt: 1 }).toArray();
}

/** Waits until all of the endpoint's deliveries, so many, are in this state. */
export async function settled(
  service: Service,
  target: Pick<Target, "endpointId">,
  want: { readonly state: DeliveryDoc["state"]; readonly count: number },
): Promise<DeliveryDoc[]> {
  return waitUntil(`${want.count} deliveries to be ${want.state}`, async () => {
    const found = await deliveriesOf(service, target);
    const states = Object.entries(Object.groupBy(found, ({ state }) => state)).map(
      ([state, some]) => `${some.length} ${state}`,
    );
    if (found.length !== want.count || found.some(({ state, lease }) => state !== want.state || lease)) {
      throw new Error(`There are ${states.join(", ")}`);
    }
    return found;
  });
}

/** Puts events with these texts into the store, each with a delivery that is due, and wakes the endpoint. */
export async function plant(service: Service, target: Target, bodies: readonly string[]): Promise<string[]> {
  const now = new Date();
  const events = bodies.map((body): NoticeEventDoc => ({
    _id: newId("evt"),
    type: "price_missing",
    customerId: target.customer,
    body,
    endpointIds: [target.endpointId],
    deliveriesUntil: new Date(now.getTime() + 3_600_000),
    createdAt: now,
  }));
  const { collections } = service.store;
  await collections.events.insertMany(events);
  await collections.deliveries.insertMany(
    events.map((event) => newDelivery(event, { endpointId: target.endpointId, state: "pending", now })),
  );
  await service.ask("PATCH", `/webhook/endpoints/${target.endpointId}`, { description: "planted" });
  return events.map(({ _id }) => _id);
}

/** The id of an event's delivery to the target. */
export function deliveryId(target: Pick<Target, "endpointId">, eventId: string): string {
  return deliveryIdOf(eventId, target.endpointId);
}
