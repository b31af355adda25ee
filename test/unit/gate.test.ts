import { expect, test } from "vitest";
import { Gate } from "../../src/http/gate.ts";

const KIB = 1024;
/** Nobody waits: who finds no place is refused at once. */
function open(maxRequests: number, maxBodyBytes: number): Gate {
  return new Gate({ maxRequests, maxBodyBytes, maxQueueMs: 0, nowMs: () => performance.now() });
}

test("small bodies are part of a request, larger ones have a bound of their own", async () => {
  const gate = open(10, 100 * KIB);
  const first = await gate.enter(80 * KIB);
  expect(first).not.toBeNull();
  expect(await gate.enter(80 * KIB)).toBeNull();
  expect(await gate.enter(64 * KIB)).not.toBeNull();
  first?.leave();
  expect(await gate.enter(80 * KIB)).not.toBeNull();
});

test("who finds a place for the body and none for the request gives the first one back", async () => {
  const gate = open(1, 100 * KIB);
  const first = await gate.enter(0);
  expect(await gate.enter(100 * KIB)).toBeNull();
  first?.leave();
  expect(gate.isEmpty()).toBe(true);
  expect(await gate.enter(100 * KIB)).not.toBeNull();
});

test("a body that tells no length takes room as it grows, and gives all of it back", async () => {
  const gate = open(10, 300 * KIB);
  const [one, other] = [await gate.enter(0), await gate.enter(0)];
  expect([one?.grow(64 * KIB), one?.grow(128 * KIB), one?.grow(256 * KIB)]).toEqual([true, true, true]);
  expect([other?.grow(64 * KIB), other?.grow(128 * KIB)]).toEqual([true, false]);
  one?.leave();
  expect(other?.grow(300 * KIB)).toBe(true);
  other?.leave();
  expect(gate.isEmpty()).toBe(true);
});

test("who leaves while it waits for more room takes none along", async () => {
  const nowMs = (): number => performance.now();
  const gate = new Gate({ maxRequests: 10, maxBodyBytes: 100 * KIB, maxQueueMs: 60_000, nowMs });
  const [one, other] = [await gate.enter(100 * KIB), await gate.enter(0)];
  const grown = other?.grow(80 * KIB);
  other?.leave();
  one?.leave();
  expect(await grown).toBe(false);
  const next = await gate.enter(100 * KIB);
  expect(next).not.toBeNull();
  next?.leave();
  expect(gate.isEmpty()).toBe(true);
});

const BOUNDS = { maxRequests: 100, maxBodyBytes: 0, maxQueueMs: 0 };

test("after it was behind one is let in for each that leaves, until that is over for a while", async () => {
  let now = 0;
  let isBehind = false;
  const gate = new Gate({ ...BOUNDS, isBehind: () => isBehind, nowMs: () => now });
  const [first] = [await gate.enter(0), await gate.enter(0), await gate.enter(0)];
  isBehind = true;
  expect(await gate.enter(0)).toBeNull();
  isBehind = false;
  now = 2000;
  expect(await gate.enter(0)).toBeNull();
  first?.leave();
  expect(await gate.enter(0)).not.toBeNull();
  expect(await gate.enter(0)).toBeNull();
  now = 2001;
  expect(await gate.enter(0)).not.toBeNull();
  expect(await gate.enter(0)).not.toBeNull();
});

test("so many as it always has room for are let in also while it is behind", async () => {
  const gate = new Gate({ ...BOUNDS, always: 2, isBehind: () => true, nowMs: () => 0 });
  const [first, second] = [await gate.enter(0), await gate.enter(0)];
  expect([first === null, second === null, await gate.enter(0)]).toEqual([false, false, null]);
  first?.leave();
  expect(await gate.enter(0)).not.toBeNull();
});
