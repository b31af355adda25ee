import { createPublicKey, verify as verifySignature } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { answering, type Exchange } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { closeTarget, openTarget, type Target } from "../../support/webhook-scene.ts";

let service: Service;
let target: Target;

beforeAll(async () => {
  service = await Service.start();
});
afterAll(() => service.close());
beforeEach(async () => {
  target = await openTarget(service, answering(204), {
    signature: "v1+v1a",
    headers: { "X-Token": "hidden" },
  });
  return () => closeTarget(service, target);
});

const route = (action = ""): string => `/webhook/endpoints/${target.endpointId}${action}`;

/** The next event as it came. */
async function nextEvent(): Promise<Exchange> {
  const from = target.receiver.exchanges.length;
  await service.charge(target.customer);
  return waitUntil("the event", () => target.receiver.exchanges[from]);
}

/** Whether each of the stock packages accepts it. */
function stock({ headers, body }: Exchange, secret: string): boolean[] {
  return [new Webhook(secret), new SvixWebhook(secret)].map((webhook) => {
    try {
      webhook.verify(body, Object.fromEntries(headers));
      return true;
    } catch {
      // Refused.
      return false;
    }
  });
}

const BOTH = [true, true];

interface Keys {
  readonly keys: readonly { readonly endpoint_id: string; readonly jwk: Record<string, string> }[];
}

test("row 43: both stock verifiers accept v1 with v1a beside it, and v1a verifies with the published key", async () => {
  const event = await nextEvent();
  expect(stock(event, target.secret)).toEqual(BOTH);
  const { headers, body } = event;
  const versions =
    headers
      .get("webhook-signature")
      ?.split(" ")
      .map((one) => one.split(",")) ?? [];
  expect(versions.map(([version]) => version)).toEqual(["v1", "v1a"]);
  const { keys } = await service.ask<Keys>("GET", "/.well-known/spendhook/webhook-keys.json");
  const own = keys.find(({ endpoint_id: id }) => id === target.endpointId);
  const key = createPublicKey({ key: own?.jwk ?? {}, format: "jwk" });
  const signed = Buffer.from(`${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`);
  const signature = Buffer.from(versions[1]?.[1] ?? "", "base64");
  expect(verifySignature(null, signed, key, signature)).toBe(true);
  expect(verifySignature(null, Buffer.concat([signed, Buffer.from(" ")]), key, signature)).toBe(false);
});

test("after a rotation both secrets verify, after a revocation only the newest", async () => {
  const { secret } = await service.ask<{ secret: string }>("POST", route("/rotate"));
  const during = await nextEvent();
  expect([stock(during, target.secret), stock(during, secret)]).toEqual([BOTH, BOTH]);
  await service.ask("POST", route("/revoke"));
  await waitUntil("an event that the newest secret alone has signed", async () => {
    const after = await nextEvent();
    expect(stock(after, secret)).toEqual(BOTH);
    return stock(after, target.secret).every((accepted) => !accepted);
  });
});

test("a key that is not asked for any more is not published, and the same one when it is again", async () => {
  const published = async () => {
    const { keys } = await service.ask<Keys>("GET", "/.well-known/spendhook/webhook-keys.json");
    return keys.find(({ endpoint_id: id }) => id === target.endpointId);
  };
  const before = await published();
  expect(before).toBeDefined();
  await service.ask("PATCH", route(), { signature: "v1" });
  expect(await published()).toBeUndefined();
  await service.ask("PATCH", route(), { signature: "v1+v1a" });
  expect(await published()).toEqual(before);
});

interface Tested {
  readonly request: { url: string; headers: Record<string, string>; body: string };
  readonly response: { status: number; body: string } | null;
  readonly outcome: string;
  readonly timing: Record<string, number | null>;
  readonly curl: string;
}

test.each([
  "spend_tracked",
  "soft_budget_crossed",
  "threshold_crossed",
  "budget_crossed",
  "projected_limit_exceeded",
  "budget_reset",
  "endpoint_disabled",
  "price_missing",
])("a test of %s sends it now, signed, and tells what was sent without the headers' values", async (type) => {
  await service.ask("POST", route("/pause"));
  const told = await service.ask<Tested>("POST", route("/test"), { event_type: type });
  const [came] = target.receiver.exchanges;
  expect(target.receiver.exchanges).toHaveLength(1);
  expect(stock(came!, target.secret)).toEqual(BOTH);
  expect(JSON.parse(came?.body ?? "")).toMatchObject({ type, event: type });
  expect(came?.headers.get("x-token")).toBe("hidden");
  expect(told).toMatchObject({
    outcome: "delivered",
    response: { status: 204 },
    request: { url: target.receiver.url(), body: came?.body },
    timing: { total_ms: expect.any(Number) },
  });
  expect(JSON.stringify(told)).not.toContain("hidden");
  expect(told.request.headers["webhook-signature"]).toBe(came?.headers.get("webhook-signature"));
  expect(told.curl).toContain(told.request.headers["webhook-signature"] ?? "none");
});

test("a test that fails says how, and books and disables nothing", async () => {
  target.receiver.script = answering(410, {}, "gone");
  const told = await service.ask<Tested>("POST", route("/test"));
  expect(told).toMatchObject({ outcome: "http_410", response: { status: 410, body: "gone" } });
  await target.receiver.close();
  const refused = await service.ask<Tested>("POST", route("/test"));
  expect(refused).toMatchObject({ outcome: expect.stringMatching(/^connection_/), response: null });
  expect(await service.ask("GET", route())).toMatchObject({ state: "enabled" });
  expect((await service.call("POST", route("/test"), { event_type: "nonsense" })).status).toBe(422);
  const listed = await service.ask<{ data: object[] }>(
    "GET",
    `/webhook/deliveries?endpoint_id=${target.endpointId}`,
  );
  expect(listed.data).toEqual([]);
  target = { ...target, receiver: (await openTarget(service, answering(204))).receiver };
});
