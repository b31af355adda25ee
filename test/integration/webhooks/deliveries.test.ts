import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import { answering, answerText, type Script } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  closeTarget,
  deliveriesOf,
  deliveryId,
  idsOf,
  openTarget,
  plant,
  settled,
  type Target,
  verify,
} from "../../support/webhook-scene.ts";

let service: Service;
beforeAll(async () => {
  const webhooks = { retry_seconds: Array.from({ length: 50 }, () => 0.3), breaker_seconds: 0.5 };
  service = await Service.start({ webhooks });
});
afterAll(() => service.close());

// Most of the time these tests wait, so they do it together; each has customers and endpoints of its own.
async function target(context: TestContext, script: Script, fields: object = {}): Promise<Target> {
  const made = await openTarget(service, script, fields);
  context.onTestFinished(() => closeTarget(service, made));
  return made;
}

const accept = answering(204);

interface Shown {
  readonly state: string;
  readonly disabled_reason: string | null;
  readonly paused_until: string | null;
  readonly stats: { readonly pending: number; readonly parked: number; readonly breaker: string };
}

function show({ endpointId }: Target): Promise<Shown> {
  return service.ask<Shown>("GET", `/webhook/endpoints/${endpointId}`);
}

test.concurrent.for<[string, number, Record<string, string>]>([
  ["410", 410, {}],
  ["webhook-delivery: disable", 500, { "webhook-delivery": "Disable" }],
])(
  "row 15: one %s disables the endpoint, parks what waits, tells the others, and a resume sends it",
  async ([, status, headers], context) => {
    const wish = { customers: null, event_types: ["endpoint_disabled"] };
    const owner = await target(context, accept, wish);
    const gone = await target(context, answering(status, headers));
    const ids = await service.charge(gone.customer);
    await waitUntil("the endpoint to be disabled", async () => (await show(gone)).state === "disabled");
    ids.push(...(await service.charge(gone.customer, 8)));
    await waitUntil("the rest to be parked", async () => (await show(gone)).stats.parked === 9);
    expect(gone.receiver.exchanges).toHaveLength(1);

    const told = await waitUntil("the notice", () =>
      owner.receiver.exchanges.find(({ body }) => body.includes(gone.endpointId)),
    );
    expect(verify(told, owner.secret)).toMatchObject({
      type: "endpoint_disabled",
      endpoint_id: gone.endpointId,
      endpoint_origin: new URL(gone.receiver.url()).origin,
      reason: (await show(gone)).disabled_reason,
    });
    const audit = await service.ask<object[]>("GET", `/audit?target_id=${gone.endpointId}`);
    expect(JSON.stringify(audit)).toContain("endpoint.disable");

    gone.receiver.script = accept;
    await service.ask("POST", `/webhook/endpoints/${gone.endpointId}/resume`);
    await settled(service, gone, { state: "delivered", count: 9 });
    expect(new Set(idsOf(gone.receiver))).toEqual(new Set(ids));
  },
);

test.concurrent("row 16: Retry-After of one event holds back the whole endpoint, and no attempt is used meanwhile", async (context) => {
  const busy = await target(context, answering(429, { "retry-after": "3" }));
  await service.charge(busy.customer);
  await waitUntil("the pause", async () => (await show(busy)).paused_until);
  busy.receiver.script = accept;
  const pausedUntil = Date.parse((await show(busy)).paused_until ?? "");
  await service.charge(busy.customer, 10);
  await settled(service, busy, { state: "delivered", count: 11 });
  const times = busy.receiver.exchanges
    .slice(1)
    .map(({ headers }) => Number(headers.get("webhook-timestamp")));
  expect(Math.min(...times)).toBeGreaterThanOrEqual(Math.floor(pausedUntil / 1000));
  expect(
    busy.receiver.exchanges
      .map(({ headers }) => headers.get("webhook-attempt"))
      .toSorted((a = "", b = "") => a.localeCompare(b)),
  ).toEqual([...Array.from({ length: 11 }, () => "1"), "2"]);
});

test.concurrent("row 16: an absurd Retry-After is cut to a day, and a resume ends it", async (context) => {
  const busy = await target(context, answering(503, { "retry-after": "99999999" }));
  await service.charge(busy.customer);
  const until = await waitUntil("the pause", async () => (await show(busy)).paused_until);
  expect(Date.parse(until)).toBeLessThanOrEqual(Date.now() + 86_400_000);
  busy.receiver.script = accept;
  await service.ask("POST", `/webhook/endpoints/${busy.endpointId}/resume`);
  // The delivery's own next try is a day away as well: somebody asks for it.
  const [delivery] = await deliveriesOf(service, busy);
  await service.ask("POST", `/webhook/deliveries/${delivery?._id}/resend`);
  await settled(service, busy, { state: "delivered", count: 1 });
});

test.concurrent("row 17: a receiver that is down and then fails every other time gets every event, and meanwhile is left alone", async (context) => {
  const flapping = await target(context, answering(503));
  const ids = await service.charge(flapping.customer, 20);
  await waitUntil("the breaker to open", async () => (await show(flapping)).stats.breaker !== "closed");
  let turn = 0;
  flapping.receiver.script = ({ socket }) => void socket.write(answerText(turn++ % 2 === 0 ? 503 : 204));
  ids.push(...(await service.charge(flapping.customer, 5)));
  const rows = await settled(service, flapping, { state: "delivered", count: 25 });
  expect(new Set(idsOf(flapping.receiver))).toEqual(new Set(ids));
  const attempts = rows.reduce((sum, row) => sum + row.attempts.length, 0);
  expect(attempts).toBe(flapping.receiver.exchanges.length);
});

test.concurrent("row 32: a receiver that did the work and then failed gets the same id and bytes again, signed anew", async (context) => {
  const failing = await target(
    context,
    ({ socket, number }) => void socket.write(answerText(number < 4 ? 500 : 204)),
  );
  const [id] = await service.charge(failing.customer);
  await settled(service, failing, { state: "delivered", count: 1 });
  const { exchanges } = failing.receiver;
  expect(exchanges).toHaveLength(4);
  expect(new Set(exchanges.map(({ body }) => body)).size).toBe(1);
  expect(new Set(idsOf(failing.receiver))).toEqual(new Set([id]));
  for (const exchange of exchanges) expect(verify(exchange, failing.secret)).toMatchObject({ id });
  const times = exchanges.map(({ headers }) => Number(headers.get("webhook-timestamp")));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(exchanges.map(({ headers }) => headers.get("webhook-attempt"))).toEqual(["1", "2", "3", "4"]);
});

test.concurrent("row 33: secrets that are rotated, expire or are revoked while a retry waits sign exactly when they should", async (context) => {
  const failing = await target(context, answering(500));
  const route = `/webhook/endpoints/${failing.endpointId}`;
  await service.charge(failing.customer);
  const signatures = (text: string | undefined): number => text?.split(" ").length ?? 0;
  /** The first attempt from now on that carries so many signatures. */
  const attemptWith = (count: number) => {
    const from = failing.receiver.exchanges.length;
    return waitUntil(`an attempt with ${count} signatures`, () =>
      failing.receiver.exchanges
        .slice(from)
        .find(({ headers }) => signatures(headers.get("webhook-signature")) === count),
    );
  };
  verify(await attemptWith(1), failing.secret);

  const second = await service.ask<{ secret: string }>("POST", `${route}/rotate`);
  const both = await attemptWith(2);
  for (const secret of [failing.secret, second.secret]) verify(both, secret);

  const third = await service.ask<{ secret: string }>("POST", `${route}/rotate`, { overlap_seconds: 2 });
  const three = await attemptWith(3);
  for (const secret of [failing.secret, second.secret, third.secret]) verify(three, secret);
  const afterExpiry = await attemptWith(1);
  verify(afterExpiry, third.secret);
  for (const secret of [failing.secret, second.secret]) expect(() => verify(afterExpiry, secret)).toThrow();

  const fourth = await service.ask<{ secret: string }>("POST", `${route}/rotate`);
  for (const secret of [third.secret, fourth.secret]) verify(await attemptWith(2), secret);
  await service.ask("POST", `${route}/revoke`);
  const revoked = await attemptWith(1);
  verify(revoked, fourth.secret);
  expect(() => verify(revoked, third.secret)).toThrow();
});

test.concurrent("row 34: a URL, header or secret that is changed while a retry waits is what the retry uses", async (context) => {
  const before = await target(context, answering(500));
  const after = await target(context, accept);
  await service.charge(before.customer);
  await waitUntil("the first attempt", () => before.receiver.exchanges.length > 0);
  const change = { url: after.receiver.url(), headers: { "X-Tenant": "t-1" } };
  await service.ask("PATCH", `/webhook/endpoints/${before.endpointId}`, change);
  await settled(service, before, { state: "delivered", count: 1 });
  expect(after.receiver.exchanges).toHaveLength(1);
  expect(after.receiver.exchanges[0]?.headers.get("x-tenant")).toBe("t-1");
  verify(after.receiver.exchanges[0]!, before.secret);
});

test.concurrent.for(["paused", "deleted"])(
  "row 34: of an endpoint that is %s while retries wait nothing more is sent",
  async (what, context) => {
    const failing = await target(context, answering(500));
    await service.charge(failing.customer, 3);
    await waitUntil("the first attempts", () => failing.receiver.exchanges.length >= 3);
    const route = `/webhook/endpoints/${failing.endpointId}`;
    if (what === "paused") await service.ask("POST", `${route}/pause`);
    else await service.ask("DELETE", route);
    // Workers have read the endpoint a second ago at most; a later event shows that they go on without it.
    await waitUntil("the last attempt to be over", async () => {
      const rows = await deliveriesOf(service, failing);
      return rows.every(({ lease, dueAt }) => lease === null && dueAt.getTime() < Date.now() - 2000);
    });
    const attempts = failing.receiver.exchanges.length;
    const other = await target(context, accept);
    await service.charge(other.customer, 3);
    await settled(service, other, { state: "delivered", count: 3 });
    expect(failing.receiver.exchanges).toHaveLength(attempts);
    const { data } = await service.ask<{ data: { state: string }[] }>(
      "GET",
      `/webhook/deliveries?endpoint_id=${failing.endpointId}`,
    );
    expect(data.map(({ state }) => state)).toEqual(["parked", "parked", "parked"]);
    if (what === "deleted") return;
    failing.receiver.script = accept;
    await service.ask("POST", `${route}/resume`);
    await settled(service, failing, { state: "delivered", count: 3 });
  },
);

test.concurrent("row 35: a resend while a retry is due makes one attempt more, and two make two", async (context) => {
  const failing = await target(context, answering(500));
  const [eventId = ""] = await service.charge(failing.customer);
  await waitUntil("some retries", () => failing.receiver.exchanges.length >= 2);
  failing.receiver.script = accept;
  const id = deliveryId(failing, eventId);
  await Promise.all([
    service.ask("POST", `/webhook/deliveries/${id}/resend`),
    service.ask("POST", `/webhook/deliveries/${id}/resend`),
  ]);
  const [row] = await settled(service, failing, { state: "delivered", count: 1 });
  const delivered = row?.attempts.filter(({ outcome }) => outcome === "delivered") ?? [];
  // The retry that was due may have come first; both that were asked for are made, and marked.
  expect(row?.attempts.filter(({ manual }) => manual)).toHaveLength(2);
  expect(delivered.length).toBeLessThanOrEqual(3);
  expect(row?.attempts).toHaveLength(failing.receiver.exchanges.length);
});

test.concurrent("row 35: a resend while an attempt is in flight is made after it", async (context) => {
  const held: { release: () => void }[] = [];
  const slow = await target(context, ({ socket }) => {
    held.push({ release: () => void socket.write(answerText(204)) });
  });
  const [eventId = ""] = await service.charge(slow.customer);
  const id = deliveryId(slow, eventId);
  await waitUntil("the attempt", () => held.length === 1);
  await service.ask("POST", `/webhook/deliveries/${id}/resend`);
  held[0]?.release();
  await waitUntil("the one that was asked for", () => held.length === 2);
  held[1]?.release();
  const [row] = await settled(service, slow, { state: "delivered", count: 1 });
  expect(row?.attempts.map(({ manual, outcome }) => [manual, outcome])).toEqual([
    [false, "delivered"],
    [true, "delivered"],
  ]);
});

test.concurrent("row 37: a burst for one slow endpoint does not hold up another's events", async (context) => {
  const slow = await target(
    context,
    ({ socket }) => void setTimeout(() => socket.write(answerText(204)), 500),
  );
  const other = await target(context, accept);
  await plant(
    service,
    slow,
    Array.from({ length: 2000 }, (_, index) => JSON.stringify({ index })),
  );
  await waitUntil("the burst to be under way", () => slow.receiver.exchanges.length > 0);
  await service.charge(other.customer, 30);
  await settled(service, other, { state: "delivered", count: 30 });
  expect((await show(slow)).stats.pending).toBeGreaterThan(0);
});

test.concurrent("row 39: what was kept is sent slowly at first, and never faster than the endpoint's rate", async (context) => {
  const arrivals = new Map<string, number[]>();
  const timed =
    (name: string): Script =>
    (exchange) => {
      arrivals.set(name, [...(arrivals.get(name) ?? []), performance.now()]);
      accept(exchange);
    };
  const ramp = await target(context, timed("ramp"));
  const rate = await target(context, timed("rate"), { rate_per_second: 5 });
  const bodies = Array.from({ length: 100 }, (_, index) => JSON.stringify({ index }));
  for (const one of [ramp, rate]) {
    await service.ask("POST", `/webhook/endpoints/${one.endpointId}/pause`);
    await plant(service, one, bodies);
  }
  const resumedAt = performance.now();
  for (const one of [ramp, rate]) await service.ask("POST", `/webhook/endpoints/${one.endpointId}/resume`);
  await waitUntil("some to arrive", () => (arrivals.get("rate")?.length ?? 0) >= 12);
  for (const [name, perSecond] of [
    ["ramp", 10],
    ["rate", 5],
  ] as const) {
    // By any moment: its share of the time, and one second's worth that it may have saved up.
    const tooEarly = (arrivals.get(name) ?? []).filter(
      (time, index) => index + 1 > (perSecond * (time - resumedAt)) / 1000 + perSecond + 1,
    );
    expect(tooEarly).toEqual([]);
  }
});

test.concurrent("row 41: what arrives is byte for byte what was stored and signed, whatever is in it", async (context) => {
  const bodies = [
    '{"z":1,"a":2,"10":3,"2":4}',
    '{"big":123456789012345678901234567890,"exact":0.1000000000000000055,"e":1E400,"zero":-0}',
    '{"text":"héllo ✓ 💸 \u2028\u2029 \ud83d\\ud83d \\u0000 </script><!--"}',
    '{ "spaces" : [ ] ,\n\t"data" : { } }\n',
    '{"long":"' + "é".repeat(200_000) + '"}',
    "{}",
    "",
  ];
  const receiver = await target(context, accept);
  const ids = await plant(service, receiver, bodies);
  await settled(service, receiver, { state: "delivered", count: bodies.length });
  const came = new Map(
    receiver.receiver.exchanges.map((exchange) => [exchange.headers.get("webhook-id"), exchange]),
  );
  for (const [index, id] of ids.entries()) {
    expect(came.get(id)?.body).toBe(bodies[index]?.toWellFormed());
    expect(came.get(id)?.headers.get("content-type")).toBe("application/json");
    verifyBytes(came.get(id)!, receiver.secret);
  }
});

/** The stock verifier, without its reading of JSON, which not every text here is. */
function verifyBytes(exchange: Parameters<typeof verify>[0], secret: string): void {
  try {
    verify(exchange, secret);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
}
