import { beforeAll, describe, expect, test } from "vitest";
import type { Collection } from "mongodb";
import { type Row, serverError, useDatabase } from "./database.ts";

const database = useDatabase();
const MAX_TIME_EXPIRED = 50;
const ROWS = 30_000;
let rows: Collection<Row>;

beforeAll(async () => {
  rows = database.collection();
  const padding = "x".repeat(200);
  for (let from = 0; from < ROWS; from += 5000) {
    await rows.insertMany(
      Array.from({ length: 5000 }, (_, at) => ({ _id: from + at, n: (from + at) % 7, padding })),
    );
  }
});

describe("a read that walks a collection past its time limit", () => {
  const limit = { maxTimeMS: 3 };

  test.each<[string, () => Promise<unknown>]>([
    ["a list", () => rows.find({ padding: "y" }, limit).toArray()],
    ["a sorted list", () => rows.find({ n: 3 }, limit).sort({ padding: 1, n: -1 }).limit(5).toArray()],
    ["one document", () => rows.findOne({ padding: "y" }, limit)],
    ["a count", () => rows.countDocuments({ padding: "y" }, limit)],
    ["values", () => rows.distinct("n", { padding: { $ne: "y" } }, limit)],
    ["a sum", () => rows.aggregate([{ $group: { _id: "$n", n: { $sum: 1 } } }], limit).toArray()],
  ])("is ended: %s", async (_, read) => {
    expect((await serverError(read())).code).toBe(MAX_TIME_EXPIRED);
  });

  test("is ended also where its first batch came in time", async () => {
    const few = rows.find({ $or: [{ _id: { $lt: 2 } }, { padding: "y" }] }, limit).batchSize(1);
    expect((await serverError(few.toArray())).code).toBe(MAX_TIME_EXPIRED);
  });

  test("leaves the server as it was", async () => {
    await serverError(rows.find({ padding: "y" }, limit).toArray());
    expect(await rows.findOne({ _id: 7 })).toMatchObject({ _id: 7 });
    expect(await rows.countDocuments({ n: 6 }, { maxTimeMS: 60_000 })).toBe(Math.floor(ROWS / 7));
  });
});
