import { afterAll, beforeAll, expect, test } from "vitest";
import { answering } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { closeTarget, openTarget, settled, verify } from "../../support/webhook-scene.ts";

let service: Service;
beforeAll(async () => {
  const retry = Array.from({ length: 50 }, () => 0.5);
  // Three seconds without a success, instead of five days.
  const webhooks = { retry_seconds: retry, breaker_seconds: 0.3, disable_after_hours: 3 / 3600 };
  service = await Service.start({ webhooks });
});
afterAll(() => service.close());

test("an endpoint that has failed too long is disabled, only the others are told, and a resume sends what was kept", async () => {
  const failing = await openTarget(service, answering(500), { customers: null });
  const owner = await openTarget(service, answering(204), {
    customers: null,
    event_types: ["endpoint_disabled"],
  });
  const healthy = await openTarget(service, answering(204));
  await service.charge(healthy.customer, 2);
  interface Shown {
    readonly state: string;
    readonly disabled_reason: string;
  }
  const show = (): Promise<Shown> => service.ask<Shown>("GET", `/webhook/endpoints/${failing.endpointId}`);
  await waitUntil("it to be disabled", async () => (await show()).state === "disabled");
  expect((await show()).disabled_reason).toContain("no delivery has succeeded");

  const notice = await waitUntil("the notice", () => owner.receiver.exchanges[0]);
  expect(verify(notice, owner.secret)).toMatchObject({
    type: "endpoint_disabled",
    endpoint_id: failing.endpointId,
    failing_since: expect.any(String),
  });
  await settled(service, healthy, { state: "delivered", count: 2 });
  const { collections } = service.store;
  expect(
    await collections.deliveries.countDocuments({
      endpointId: failing.endpointId,
      type: "endpoint_disabled",
    }),
  ).toBe(0);
  expect(await collections.endpoints.countDocuments({ state: "enabled" })).toBe(2);
  const actions = (await collections.audit.find({ targetId: failing.endpointId }).toArray()).map(
    ({ action }) => action,
  );
  expect(actions.filter((action) => action === "endpoint.disable")).toHaveLength(1);

  failing.receiver.script = answering(204);
  await service.ask("POST", `/webhook/endpoints/${failing.endpointId}/resume`);
  await settled(service, failing, { state: "delivered", count: 2 });
  expect(owner.receiver.exchanges).toHaveLength(1);
  for (const target of [failing, owner, healthy]) await closeTarget(service, target);
});
