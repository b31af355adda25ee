import { MongoServerError } from "mongodb";
import { expect, test } from "vitest";
import { AppError, toErrorBody } from "../../src/errors.ts";
import { readInTime } from "../../src/store/read-in-time.ts";

test("a read is given five seconds, and its answer is passed on", async () => {
  expect(await readInTime((limit) => Promise.resolve(limit))).toEqual({ maxTimeMS: 5000 });
});

test("a query that the store gives up is refused by name, with what to do about it", async () => {
  const late = new MongoServerError({ message: "operation exceeded time limit", code: 50 });
  const error = await readInTime(() => Promise.reject(late)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  const known = error as AppError;
  expect(known).toMatchObject({ code: "query_timeout", status: 503, retry: false, cause: late });
  expect(toErrorBody(known)).toMatchObject({
    error: { type: "timeout", message: expect.stringContaining("narrow the filter") as unknown },
  });
});

test.each([new MongoServerError({ message: "no", code: 2 }), new Error("of ours")])(
  "another failure stays what it is",
  async (other) => {
    await expect(readInTime(() => Promise.reject(other))).rejects.toBe(other);
  },
);
