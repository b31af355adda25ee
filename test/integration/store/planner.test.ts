import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import type { Document } from "bson";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode, encode } from "../../../src/embedded/store/bson-codec.ts";
import { choosePlan } from "../../../src/embedded/store/choose-plan.ts";
import { createIndex } from "../../../src/embedded/store/catalog.ts";
import type { Collection } from "../../../src/embedded/store/catalog.ts";
import { countRows } from "../../../src/embedded/store/commands/read-commands.ts";
import { parseIndexSpec } from "../../../src/embedded/store/index-spec.ts";
import { planQuery } from "../../../src/embedded/store/planner.ts";
import { compileFilter, readRows } from "../../../src/embedded/store/query.ts";
import type { Query } from "../../../src/embedded/store/query.ts";
import type { Reading } from "../../../src/embedded/store/scan.ts";
import { parseSort, sortKey } from "../../../src/embedded/store/sort.ts";
import { Storage } from "../../../src/embedded/store/storage.ts";
import { insertDocument } from "../../../src/embedded/store/write-documents.ts";

let directory: string;
let storage: Storage;
let collections = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spendhook-store-"));
  storage = new Storage(directory);
  storage.begin();
});

afterAll(async () => {
  storage.close();
  await rm(directory, { recursive: true, force: true });
});

const reading = (): Reading => ({ view: storage.writer, deadline: Number.POSITIVE_INFINITY });

function fill(documents: readonly Document[], indexes: readonly Document[]): Collection {
  const namespace = `test.c${++collections}`;
  const collection = storage.writer.ensure(namespace);
  const made = indexes.map((spec, at) =>
    createIndex(storage.writer.sql, collection, parseIndexSpec({ name: `i${at}`, ...spec })),
  );
  storage.writer.put({ ...collection, indexes: made });
  documents.forEach((document, _id) =>
    insertDocument(storage.writer, collection, decode(encode({ _id, ...document }))),
  );
  return storage.writer.current(collection);
}

function queryOf(filter: Document, sort: Document = {}, limit = Number.POSITIVE_INFINITY): Query {
  return { matcher: compileFilter(decode(encode(filter))), sort: parseSort(sort), skip: 0, limit };
}

const scalar = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
  fc.constantFrom<unknown>(null, "x", "y", 1.5, true, Number.NaN),
);
const plain = fc.oneof({ weight: 5, arbitrary: scalar }, fc.constant({ n: 1 }));
const mixed = fc.oneof({ weight: 4, arbitrary: plain }, fc.array(scalar, { maxLength: 3 }));
const names = ["a", "b", "c"] as const;
const documentOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Document> =>
  fc.record({ a: value, b: value, c: plain }, { requiredKeys: [] });

const condition: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: plain },
  fc.record({ $gt: scalar }),
  fc.record({ $gte: scalar, $lt: scalar }),
  fc.record({ $lte: scalar }),
  fc.record({ $in: fc.array(plain, { maxLength: 3 }) }),
  fc.record({ $ne: scalar }),
  fc.record({ $exists: fc.boolean() }),
  fc.record({ $elemMatch: fc.record({ $gte: scalar }) }),
);
const flat = fc.dictionary(fc.constantFrom(...names, "_id", "a.n"), condition, { maxKeys: 3 });
const filter: fc.Arbitrary<Document> = fc.oneof(
  { weight: 3, arbitrary: flat },
  fc.record({ $or: fc.array(flat, { minLength: 1, maxLength: 3 }) }),
  fc
    .tuple(flat, fc.array(flat, { minLength: 1, maxLength: 2 }))
    .map(([all, some]) => ({ ...all, $or: some })),
  fc.record({ $and: fc.array(flat, { minLength: 1, maxLength: 3 }) }),
);
const direction = fc.constantFrom(1, -1);
const orderBy = fc.dictionary(fc.constantFrom(...names, "_id"), direction, { maxKeys: 3 });

const INDEXES: readonly Document[] = [
  { key: { a: 1 } },
  { key: { b: -1, _id: 1 } },
  { key: { c: 1, a: -1 } },
  { key: { a: 1, c: 1, _id: -1 } },
  { key: { b: 1 }, sparse: true },
  { key: { c: -1 }, partialFilterExpression: { b: { $gte: 2 } } },
  { key: { b: 1, c: 1 }, partialFilterExpression: { a: { $exists: true } } },
  { key: { "a.n": 1 } },
];

describe("a query answered through indexes", () => {
  test.each([
    ["plain values", documentOf(plain)],
    [
      "arrays among them",
      fc.oneof(documentOf(plain), fc.record({ a: mixed, c: plain }), fc.record({ b: mixed })),
    ],
  ])("finds what a scan of everything finds, in the same order: %s", (_, document) => {
    const lists = fc.array(document, { minLength: 10, maxLength: 60 });
    const asked = fc.array(fc.tuple(filter, orderBy, fc.integer({ min: 1, max: 80 })), {
      minLength: 30,
      maxLength: 30,
    });
    fc.assert(
      fc.property(lists, asked, (documents, queries) => {
        const indexed = fill(documents, INDEXES);
        const plainly = { ...indexed, indexes: [] };
        for (const [by, sort, limit] of queries) {
          const found = Array.from(readRows(reading(), indexed, queryOf(by, sort, limit)));
          const all = Array.from(readRows(reading(), plainly, queryOf(by)));
          const rids = new Set(all.map(({ rid }) => rid));
          expect(found.every(({ rid }) => rids.has(rid))).toBe(true);
          expect(new Set(found.map(({ rid }) => rid)).size).toBe(Math.min(all.length, limit));
          const fields = parseSort(sort);
          const keyOf = (row: { bytes: Uint8Array }): string =>
            sortKey(decode(row.bytes), fields).toString("hex");
          expect(found.map(keyOf)).toEqual(all.map(keyOf).sort().slice(0, limit));
          expect(countRows(reading(), indexed, queryOf(by))).toBe(all.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

// Found by the property above: an $or that reaches from null upwards also finds what lacks the field.
test.each([
  { what: "sparse", index: { key: { b: 1 }, sparse: true } },
  { what: "partial", index: { key: { b: 1 }, partialFilterExpression: { b: { $exists: true } } } },
])("a disjunction with null is not answered by a $what index", ({ index }) => {
  const collection = fill([{}, { b: null }, { b: 0 }, { b: 1 }], [index]);
  for (const one of [{ b: null }, { b: { $in: [null] } }]) {
    const found = Array.from(readRows(reading(), collection, queryOf({ $or: [one, { b: { $lte: 0 } }] })));
    expect(found).toHaveLength(3);
  }
});

describe("the plan", () => {
  const due = { key: { state: 1, dueAt: 1 } };
  const paged = { key: { a: 1, _id: 1 } };
  const owned = { key: { owner: 1, at: -1, _id: -1 } };

  test.each([
    {
      what: "equality, range and sort",
      index: due,
      filter: { state: "p", dueAt: { $lte: 5 } },
      sort: { dueAt: 1 },
    },
    {
      what: "several values merged in order",
      index: due,
      filter: { state: { $in: ["p", "q"] } },
      sort: { dueAt: -1 },
    },
    { what: "the sort alone", index: paged, filter: {}, sort: { a: -1, _id: -1 } },
    {
      what: "a page after a key",
      index: paged,
      filter: { $or: [{ a: { $gt: 3 } }, { a: 3, _id: { $gt: 9 } }] },
      sort: { a: 1, _id: 1 },
    },
    {
      what: "a page after a key of one owner",
      index: owned,
      filter: { owner: "x", $or: [{ at: { $lt: 3 } }, { at: 3, _id: { $lt: 9 } }] },
      sort: { at: -1, _id: -1 },
    },
  ])("serves $what by the index without sorting", ({ index, filter: by, sort }) => {
    const collection = fill([], [index]);
    const plan = planQuery(collection, compileFilter(by), parseSort(sort));
    expect([plan.index?.id, plan.sorted]).toEqual([collection.indexes[0]?.id, true]);
  });

  test("of a page starts where the page starts", () => {
    const collection = fill(
      Array.from({ length: 200 }, (_, n) => ({ a: n })),
      [paged],
    );
    const page = { $or: [{ a: { $gt: 150 } }, { a: 150, _id: { $gt: 150 } }] };
    const [range, ...others] = planQuery(collection, compileFilter(page), parseSort({ a: 1, _id: 1 })).ranges;
    expect(others).toEqual([]);
    const query = `SELECT count(*) AS n FROM i${collection.indexes[0]?.id} WHERE k >= ? AND k < ?`;
    expect(storage.writer.sql.get(query, range?.start ?? null, range?.end ?? null)).toEqual({ n: 50 });
  });

  test("counts from the index alone when the filter is all in it", () => {
    const collection = fill([], [due]);
    expect(planQuery(collection, compileFilter({ state: "p", dueAt: { $lte: 5 } }), []).exact).toBe(true);
    expect(planQuery(collection, compileFilter({ state: "p", other: 1 }), []).exact).toBe(false);
  });
});

describe("the first few in an order", () => {
  const documents = Array.from({ length: 2000 }, (_, at) => ({
    tier: at % 100 === 0 ? "small" : "large",
    at: (at * 7) % 2000,
  }));
  const indexes = [{ key: { tier: 1 } }, { key: { at: 1 } }];

  test.each([
    ["few match: they are found and sorted", "small", 10, ["tier"]],
    ["most match: the order is walked until enough have", "large", 10, ["at"]],
    ["all are wanted: they are found and sorted", "large", Number.POSITIVE_INFINITY, ["tier"]],
  ])("%s", (_what, tier, limit, expected) => {
    const collection = fill(documents, indexes);
    const query = queryOf({ tier }, { at: 1 }, limit);
    const plan = choosePlan(storage.writer, collection, { ...query, count: limit });
    expect(plan.index?.fields.map(({ path }) => path)).toEqual(expected);
    const found = [...readRows(reading(), collection, query)].map(({ bytes }) => Number(decode(bytes)["at"]));
    const all = documents.filter((document) => document.tier === tier).map(({ at }) => at);
    expect(found).toEqual(all.toSorted((a, b) => a - b).slice(0, limit));
  });

  test("a rare condition is looked up, though another index has the order", () => {
    const rare = documents.map((document, at) => ({ ...document, gone: null, rare: at % 500 === 3 }));
    const collection = fill(rare, [
      { key: { gone: 1, at: 1 } },
      { key: { rare: 1 }, partialFilterExpression: { rare: true } },
    ]);
    const query = queryOf({ gone: null, rare: true }, { at: 1 }, 10);
    const plan = choosePlan(storage.writer, collection, { ...query, count: 10 });
    expect(plan.index?.fields.map(({ path }) => path)).toEqual(["rare"]);
    expect([...readRows(reading(), collection, query)]).toHaveLength(4);
  });
});
