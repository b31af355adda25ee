import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { answering, answerText, type Script } from "../../support/programmable-receiver.ts";
import { Service } from "../../support/service.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  closeTarget,
  deliveriesOf,
  deliveryId,
  idsOf,
  openTarget,
  settled,
  type Target,
} from "../../support/webhook-scene.ts";

let service: Service;
beforeAll(async () => {
  service = await Service.start({
    webhooks: { retry_seconds: [0.2], breaker_seconds: 0.5, retention_days: 2 },
  });
});
afterAll(() => service.close());

const accept = answering(204);
async function target(script: Script = accept, fields: object = {}): Promise<Target> {
  const made = await openTarget(service, script, fields);
  onTestFinished(() => closeTarget(service, made));
  return made;
}

interface Row {
  readonly id: string;
  readonly event_id: string;
  readonly state: string;
  readonly customer_id: string | null;
  readonly [key: string]: unknown;
}
interface List {
  readonly data: readonly Row[];
  readonly next_cursor: string | null;
}
interface Replay {
  readonly id: string;
  readonly state: string;
  readonly matched: number;
  readonly queued: number;
}

const list = (query: string): Promise<List> => service.ask<List>("GET", `/webhook/deliveries?${query}`);
const hour = 3_600_000;
const span = {
  from: new Date(Date.now() - hour).toISOString(),
  to: new Date(Date.now() + hour).toISOString(),
};

async function replay(of: object): Promise<Replay> {
  const { status, json } = await service.call<Replay>("POST", "/webhook/replay", { ...span, ...of });
  expect(status).toBe(202);
  return waitUntil("the replay to be done", async () => {
    const now = await service.ask<Replay>("GET", `/webhook/replay/${json.id}`);
    expect(now.queued).toBeLessThanOrEqual(now.matched);
    return now.state === "done" && now;
  });
}

test("deliveries are listed newest first, page by page, by every filter", async () => {
  const mine = await target();
  const ids = await service.charge(mine.customer, 5);
  await settled(service, mine, { state: "delivered", count: 5 });
  const base = `endpoint_id=${mine.endpointId}`;
  const rows: Row[] = [];
  let cursor = "";
  do {
    const page = await list(`${base}&limit=2${cursor}`);
    rows.push(...page.data);
    cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
  } while (cursor !== "");
  expect(rows.map(({ event_id: id }) => id).toSorted()).toEqual(ids.toSorted());
  const times = rows.map((row) => String(row["created_at"]));
  expect(times).toEqual(times.toSorted((a, b) => b.localeCompare(a)));
  const count = async (query: string): Promise<number> => (await list(`${base}&${query}`)).data.length;
  expect(await count("state=delivered")).toBe(5);
  expect(await count("state=pending")).toBe(0);
  expect(await count("event=spend_tracked")).toBe(5);
  expect(await count("event=budget_reset")).toBe(0);
  expect(await count(`customer_id=${mine.customer}`)).toBe(5);
  expect(await count("customer_id=nobody")).toBe(0);
  expect(await count(`from=${span.from}&to=${span.to}`)).toBe(5);
  expect(await count(`from=${span.to}`)).toBe(0);
});

test("a delivery tells its text, every attempt, what was answered, and is kept as long as configured", async () => {
  const mine = await target(({ socket, number }) => {
    socket.write(number === 1 ? answerText(500, {}, "try later") : answerText(204));
  });
  const [eventId = ""] = await service.charge(mine.customer);
  const [row] = await settled(service, mine, { state: "delivered", count: 1 });
  const shown = await service.ask<Row>("GET", `/webhook/deliveries/${row?._id}`);
  expect(shown).toMatchObject({
    event_id: eventId,
    endpoint_id: mine.endpointId,
    customer_id: mine.customer,
    event: "spend_tracked",
    state: "delivered",
    body: mine.receiver.exchanges[0]?.body,
    attempts: [
      { number: 1, outcome: "failed", code: "http_500", status: 500, response: "try later", manual: false },
      { number: 2, outcome: "delivered", code: "delivered", status: 204, manual: false },
    ],
  });
  const keptMs = (row?.expiresAt.getTime() ?? 0) - (row?.createdAt.getTime() ?? 0);
  expect(keptMs).toBe(2 * 24 * hour);
});

test("an endpoint gets the types and customers that it asked for, and nothing else", async () => {
  const other = await target(accept, { event_types: ["budget_reset"] });
  const mine = await target();
  await service.charge(other.customer, 2);
  await service.charge(mine.customer, 2);
  await settled(service, mine, { state: "delivered", count: 2 });
  expect(new Set(idsOf(mine.receiver)).size).toBe(2);
  expect(await deliveriesOf(service, other)).toEqual([]);
});

test("a pause keeps events and a resume sends them", async () => {
  const mine = await target();
  await service.ask("POST", `/webhook/endpoints/${mine.endpointId}/pause`);
  const ids = await service.charge(mine.customer, 3);
  expect((await list(`endpoint_id=${mine.endpointId}&state=parked`)).data).toHaveLength(3);
  expect(mine.receiver.connections).toBe(0);
  await service.ask("POST", `/webhook/endpoints/${mine.endpointId}/resume`);
  await settled(service, mine, { state: "delivered", count: 3 });
  expect(idsOf(mine.receiver).toSorted()).toEqual(ids.toSorted());
});

test("a delivered event can be sent again, once or twice", async () => {
  const mine = await target();
  const [eventId = ""] = await service.charge(mine.customer);
  await settled(service, mine, { state: "delivered", count: 1 });
  const route = `/webhook/deliveries/${deliveryId(mine, eventId)}/resend`;
  expect((await service.call("POST", route)).status).toBe(202);
  await waitUntil("the second", () => mine.receiver.exchanges.length === 2);
  await settled(service, mine, { state: "delivered", count: 1 });
  await Promise.all([service.call("POST", route), service.call("POST", route)]);
  await waitUntil("two more", () => mine.receiver.exchanges.length === 4);
  expect(new Set(idsOf(mine.receiver))).toEqual(new Set([eventId]));
});

test("deliveries of a deleted endpoint are still to be seen, and cannot be sent", async () => {
  const mine = await target();
  const [eventId = ""] = await service.charge(mine.customer);
  await settled(service, mine, { state: "delivered", count: 1 });
  await service.ask("DELETE", `/webhook/endpoints/${mine.endpointId}`);
  expect((await list(`endpoint_id=${mine.endpointId}`)).data).toHaveLength(1);
  const id = deliveryId(mine, eventId);
  expect((await service.call("GET", `/webhook/deliveries/${id}`)).status).toBe(200);
  expect((await service.call("POST", `/webhook/deliveries/${id}/resend`)).status).toBe(404);
  expect((await deliveriesOf(service, mine))[0]?.state).toBe("delivered");
});

test("a replay sends everything of a span again; only_missing sends what has not arrived", async () => {
  const mine = await target();
  const ids = await service.charge(mine.customer, 3);
  await settled(service, mine, { state: "delivered", count: 3 });
  mine.receiver.script = answering(500);
  ids.push(...(await service.charge(mine.customer, 2)));
  await waitUntil("two to be exhausted", async () => {
    return (await list(`endpoint_id=${mine.endpointId}&state=exhausted`)).data.length === 2;
  });
  mine.receiver.script = accept;
  const of = { endpoint_id: mine.endpointId, customer_id: mine.customer };
  const before = mine.receiver.exchanges.length;
  expect(await replay({ ...of, only_missing: true })).toMatchObject({ matched: 5, queued: 2 });
  await settled(service, mine, { state: "delivered", count: 5 });
  expect(idsOf(mine.receiver).slice(before).toSorted()).toEqual(ids.slice(3).toSorted());
  expect(await replay(of)).toMatchObject({ matched: 5, queued: 5 });
  await waitUntil("all again", () => mine.receiver.exchanges.length === before + 7);
  expect(await replay({ ...of, event: "budget_reset" })).toMatchObject({ matched: 0, queued: 0 });
});

test("a replay tells a new endpoint what was before it, and only what it wants", async () => {
  const old = await target();
  const ids = await service.charge(old.customer, 2);
  await service.charge("somebody-else", 2);
  const wish = { customers: [old.customer] };
  const fresh = await target(accept, wish);
  const choosy = await target(accept, { ...wish, event_types: ["budget_reset"] });
  expect(await replay({ endpoint_id: fresh.endpointId })).toMatchObject({ queued: 2 });
  await settled(service, fresh, { state: "delivered", count: 2 });
  expect(idsOf(fresh.receiver).toSorted()).toEqual(ids.toSorted());
  // What never had a delivery has not arrived.
  const late = await target(accept, wish);
  for (const queued of [2, 0]) {
    expect(await replay({ endpoint_id: late.endpointId, only_missing: true })).toMatchObject({ queued });
    await settled(service, late, { state: "delivered", count: 2 });
  }
  expect(idsOf(late.receiver).toSorted()).toEqual(ids.toSorted());
  expect(await replay({ endpoint_id: choosy.endpointId })).toMatchObject({ queued: 0 });
  expect(await deliveriesOf(service, choosy)).toEqual([]);
});

test.each<[string, object, number]>([
  ["an unknown endpoint", { endpoint_id: "ep_unknown", ...span }, 404],
  ["no endpoint", { ...span }, 422],
  ["no dates", { endpoint_id: "x" }, 422],
  ["a bad date", { endpoint_id: "x", from: "yesterday", to: span.to }, 422],
  ["dates the wrong way round", { endpoint_id: "x", from: span.to, to: span.from }, 422],
  ["an unknown type", { endpoint_id: "x", ...span, event: "nonsense" }, 422],
  ["an unknown field", { endpoint_id: "x", ...span, nonsense: 1 }, 422],
])("a replay of %s is refused", async (_what, body, status) => {
  expect((await service.call("POST", "/webhook/replay", body)).status).toBe(status);
});

test.each([
  ["GET", "/webhook/deliveries/dlv_unknown"],
  ["POST", "/webhook/deliveries/dlv_unknown/resend"],
  ["GET", "/webhook/replay/rpl_unknown"],
])("%s %s is 404", async (method, route) => {
  const { status, json } = await service.call<{ error: { type: string } }>(method, route);
  expect([status, json.error.type]).toEqual([404, "not_found"]);
});
