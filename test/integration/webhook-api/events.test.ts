import { afterAll, beforeAll, expect, test } from "vitest";
import { createIds } from "../../../src/lib/ids.ts";
import type { NoticeEventDoc } from "../../../src/store/documents.ts";
import { pullEvents } from "../../../src/webhooks/pull-events.ts";
import { decodeCursor, encodeCursor } from "../../../src/lib/cursor.ts";
import { oneTo } from "../../support/receiver.ts";
import { Service } from "../../support/service.ts";

const newId = createIds();
let service: Service;
beforeAll(async () => {
  service = await Service.start({ workers: [] });
});
afterAll(() => service.close());

interface Page {
  readonly data: readonly { readonly id: string; readonly sequence: number; readonly customer_id: string }[];
  readonly next_cursor: string | null;
}

test("a customer's charges come by sequence, page by page, on both spellings of the route", async () => {
  const customer = "päge/ada ?&";
  await service.charge(customer, 7);
  for (const name of ["customer", "end_user"]) {
    const route = `/${name}/${encodeURIComponent(customer)}/events`;
    const numbers: number[] = [];
    let after: string | null = "0";
    while (after !== null) {
      const page: Page = await service.ask<Page>("GET", `${route}?after=${after}&limit=3`);
      expect(page.data.length).toBeLessThanOrEqual(3);
      numbers.push(...page.data.map(({ sequence }) => sequence));
      after = page.next_cursor;
    }
    expect(numbers).toEqual(oneTo(7));
  }
  expect(await service.ask("GET", "/customer/nobody/events")).toEqual({ data: [], next_cursor: null });
});

test("while charges are committed from many sides, pulling by cursor and by sequence sees each at least once", async () => {
  const customers = ["pull-a", "pull-b", "pull-c"];
  let open = true;
  const seen = new Set<string>();
  const pull = async (): Promise<void> => {
    let after = "";
    for (let last = false; ;) {
      const page = await service.ask<Page>("GET", `/events?limit=3${after && `&after=${after}`}`);
      for (const { id } of page.data) seen.add(id);
      after = page.next_cursor ?? "";
      if (page.data.length < 3 && last) return;
      if (page.data.length < 3) last = !open;
    }
  };
  const pulling = pull();
  const ids = (
    await Promise.all(
      customers.map(async (customer) => {
        const own: string[] = [];
        for (let i = 0; i < 8; i++) own.push(...(await service.charge(customer, 2)));
        return own;
      }),
    )
  ).flat();
  open = false;
  await pulling;
  expect(ids.filter((id) => !seen.has(id))).toEqual([]);
  for (const customer of customers) {
    const { data } = await service.ask<Page>("GET", `/customer/${customer}/events?limit=1000`);
    expect(data.map(({ sequence }) => sequence)).toEqual(oneTo(16));
  }
});

async function plantEvent(createdAt: Date): Promise<string> {
  const _id = newId("evt");
  const event: NoticeEventDoc = {
    _id,
    type: "price_missing",
    customerId: "",
    body: JSON.stringify({ id: _id }),
    endpointIds: [],
    deliveriesUntil: createdAt,
    createdAt,
  };
  await service.store.collections.events.insertOne(event);
  return _id;
}

test("an event that is committed late is told, also to who has only read full pages since", async () => {
  const start = Date.now() + 1_000_000;
  const at = (ms: number): Date => new Date(start + ms);
  for (let second = 0; second < 100; second++) await plantEvent(at(second * 1000));
  const seen = new Set<string>();
  let cursor = { ms: start - 1, id: "" } as Parameters<typeof pullEvents>[1]["after"];
  /** One page of at most ten events, read at this second; answers how many came. */
  const page = async (second: number): Promise<number> => {
    const { bodies, nextCursor } = await pullEvents(
      service.store,
      { after: cursor, limit: 10 },
      at(second * 1000),
    );
    for (const body of bodies) seen.add((JSON.parse(body) as { id: string }).id);
    const [ms, id, floorMs] =
      decodeCursor(nextCursor, ["integer", "text"]) ??
      decodeCursor(nextCursor, ["integer", "text", "integer"]) ??
      [];
    cursor = { ms: Number(ms), id: String(id), ...(floorMs !== undefined && { floorMs: Number(floorMs) }) };
    return bodies.length;
  };
  await page(10);
  await page(20);
  // Its transaction began at second 5, and it was committed when the reader was past that.
  const late = await plantEvent(at(5000));
  let second = 60;
  while (second < 200 && (await page(second)) === 10) second += 10;
  for (second = 200; second < 230; second++) await page(second);
  expect(seen.has(late)).toBe(true);
});

test("an event whose transaction took a minute to commit, as long as MongoDB lets it, is told", async () => {
  const start = Date.now() + 3_000_000;
  const at = (ms: number): Date => new Date(start + ms);
  await plantEvent(at(60_000));
  const before = { ms: start - 1, id: "" };
  const { nextCursor } = await pullEvents(service.store, { after: before, limit: 10 }, at(62_000));
  const late = await plantEvent(at(2000));
  const [ms, id] = decodeCursor(nextCursor, ["integer", "text"]) ?? [];
  const after = { ms: Number(ms), id: String(id) };
  const { bodies } = await pullEvents(service.store, { after, limit: 10 }, at(63_000));
  expect(bodies.map((body) => (JSON.parse(body) as { id: string }).id)).toContain(late);
});

test.each([
  ["/events?after=nonsense"],
  [`/events?after=${encodeCursor([1])}`],
  [`/events?after=${encodeCursor(["x", "y"])}`],
  [`/events?after=${encodeCursor([9e15, "x"])}`],
  [`/events?after=${encodeCursor([-9e15, "x"])}`],
  ["/events?limit=0"],
  ["/events?limit=1001"],
  ["/events?limit=x"],
  ["/customer/a/events?after=-1"],
  ["/customer/a/events?after=1.5"],
  ["/customer/a/events?after=99999999999999999999"],
  ["/customer/a/events?limit=1001"],
  [`/webhook/deliveries?cursor=${encodeCursor([9e15, "x"])}`],
  ["/webhook/deliveries?cursor=x"],
  ["/webhook/deliveries?state=nonsense"],
  ["/webhook/deliveries?event=nonsense"],
  ["/webhook/deliveries?from=yesterday"],
  ["/webhook/deliveries?to=2026-01-31"],
  ["/webhook/deliveries?limit=0"],
])("GET %s is 422", async (route) => {
  const { status, json } = await service.call<{ detail: { loc: string[] }[] }>("GET", route);
  expect(status).toBe(422);
  expect(json.detail[0]?.loc[0]).toBe("query");
});
