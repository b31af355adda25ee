import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readBody } from "../../src/http/read-body.ts";

const ROOM = 64 * 1024;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout", "setImmediate"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

function begin(grow: () => Promise<boolean>) {
  const request = Object.assign(new PassThrough({ highWaterMark: 1 }), { headers: {} });
  const body = readBody(request as unknown as IncomingMessage, { maxBytes: 4 * ROOM, grow });
  body.catch(() => {});
  return { request, body };
}

test("a body that waited for room has a whole window again to come in", async () => {
  const room = Promise.withResolvers<boolean>();
  const { request, body } = begin(() => room.promise);
  request.write(Buffer.alloc(ROOM + 1));
  await vi.advanceTimersByTimeAsync(19_900);
  room.resolve(true);
  await vi.advanceTimersByTimeAsync(9000);
  request.end(Buffer.alloc(100));
  expect((await body).length).toBe(ROOM + 101);
});

test("and is cut off when it does not come in that", async () => {
  const room = Promise.withResolvers<boolean>();
  const { request, body } = begin(() => room.promise);
  request.write(Buffer.alloc(ROOM + 1));
  await vi.advanceTimersByTimeAsync(19_900);
  room.resolve(true);
  const failed = expect(body).rejects.toMatchObject({ code: "request_timeout" });
  await vi.advanceTimersByTimeAsync(10_100);
  await failed;
});
