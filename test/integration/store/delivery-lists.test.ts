import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Document } from "bson";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decode, encode } from "../../../src/embedded/store/bson-codec.ts";
import { type Collection, createIndex } from "../../../src/embedded/store/catalog.ts";
import { choosePlan } from "../../../src/embedded/store/choose-plan.ts";
import { parseIndexSpec } from "../../../src/embedded/store/index-spec.ts";
import { compileFilter } from "../../../src/embedded/store/query.ts";
import { decodeFields } from "../../../src/embedded/store/raw-bson.ts";
import { scan } from "../../../src/embedded/store/scan.ts";
import { parseSort } from "../../../src/embedded/store/sort.ts";
import { Storage } from "../../../src/embedded/store/storage.ts";
import { insertDocument } from "../../../src/embedded/store/write-documents.ts";
import { INDEXES } from "../../../src/store/indexes.ts";
import { deliveryFilter, type DeliveryQuery, NEWEST_FIRST } from "../../../src/webhooks/list-deliveries.ts";

const ALL = 20_000;
const COUNT = 51;
const START = Date.UTC(2026, 10, 1);
const ids = { enabled: new Set(["default", "ep_2"]), others: new Set(["ep_paused", "ep_gone"]) };
let directory: string;
let storage: Storage;
let deliveries: Collection;

/** Nearly all are charges that were delivered; what is rare is old, so that the newest are the wrong ones. */
function deliveryAt(at: number): Document {
  const createdAt = new Date(START + at * 1000);
  const isGone = at < 1000;
  const state = at === 20 || at === 1500 ? "exhausted" : at === 30 || at === 1600 ? "pending" : "delivered";
  return {
    _id: `dlv_${at}`,
    eventId: `evt_${at}`,
    endpointId: isGone ? "ep_gone" : at % 2 === 0 ? "default" : "ep_2",
    customerId: `customer-${at % 500}`,
    type: at === 40 ? "budget_crossed" : at === 50 ? "spend_tracked.batch" : "spend_tracked",
    state,
    dueAt: createdAt,
    createdAt,
    expiresAt: createdAt,
  };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spendhook-lists-"));
  storage = new Storage(directory);
  storage.begin();
  const made = storage.writer.ensure("test.deliveries");
  const indexes = (INDEXES["deliveries"] ?? []).map(({ serves: _serves, ...spec }) =>
    createIndex(storage.writer.sql, made, parseIndexSpec(decode(encode(spec)))),
  );
  storage.writer.put({ ...made, indexes });
  for (let at = 0; at < ALL; at++) insertDocument(storage.writer, made, decode(encode(deliveryAt(at))));
  deliveries = storage.writer.current(made);
});
afterAll(async () => {
  storage.close();
  await rm(directory, { recursive: true, force: true });
});

const everything: DeliveryQuery = {
  endpointId: null,
  customerId: null,
  type: null,
  state: null,
  from: null,
  to: null,
  limit: COUNT - 1,
  after: null,
};
const middle = { ms: START + (ALL / 2) * 1000, id: "dlv_0" };

test.each<[string, Partial<DeliveryQuery>, number]>([
  ["all", {}, COUNT],
  ["all, a later page", { after: middle }, COUNT],
  ["charges", { type: "spend_tracked" }, COUNT],
  ["a rare type", { type: "budget_crossed" }, 1],
  ["batches, where there are few", { type: "spend_tracked.batch" }, 1],
  ["a type that there is none of", { type: "price_missing" }, 0],
  ["a busy endpoint", { endpointId: "default" }, COUNT],
  ["a busy endpoint, a later page", { endpointId: "default", after: middle }, COUNT],
  ["an endpoint that has had nothing for long", { endpointId: "ep_gone" }, COUNT],
  ["an endpoint that never had any", { endpointId: "ep_paused" }, 0],
  ["a customer", { customerId: "customer-7" }, 40],
  ["what is delivered", { state: "delivered" }, COUNT],
  ["what is given up", { state: "exhausted" }, 2],
  ["what is pending", { state: "pending" }, 1],
  ["what is parked", { state: "parked" }, 1],
  ["what is gathering", { state: "gathering" }, 0],
  ["what one endpoint gave up", { endpointId: "ep_gone", state: "exhausted" }, 1],
  ["a rare type of one endpoint", { endpointId: "default", type: "budget_crossed" }, 0],
])("a list reads little more than it shows, among many others: %s", (_, part, shown) => {
  const filter = deliveryFilter({ ...everything, ...part }, ids);
  const matcher = compileFilter(decode(encode(filter)));
  const view = storage.writer;
  const plan = choosePlan(view, deliveries, { matcher, sort: parseSort(NEWEST_FIRST), count: COUNT });
  let [read, found] = [0, 0];
  for (const row of scan({ view, deadline: Number.POSITIVE_INFINITY }, deliveries, plan)) {
    read++;
    if (matcher.test(decodeFields(row.bytes, matcher.roots))) found++;
    if (plan.sorted && found === COUNT) break;
  }
  expect(found).toBe(shown);
  expect(read).toBeLessThan(4 * COUNT);
});
