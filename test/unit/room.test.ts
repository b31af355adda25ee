import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Room, type RoomOptions } from "../../src/lib/room.ts";

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

const WAIT_MS = 1000;
const rooms: Room[] = [];
afterEach(() => {
  // Whatever happened, nothing keeps turning once nobody waits.
  for (const room of rooms.splice(0)) expect(room.waiting).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

function open(size: number, options: Partial<RoomOptions> = {}): Room {
  const room = new Room({
    size,
    maxWaiting: 100,
    maxWaitMs: WAIT_MS,
    nowMs: () => performance.now(),
    ...options,
  });
  rooms.push(room);
  return room;
}

/** What became of those who asked, in the order in which it was decided. */
function watch(room: Room) {
  const decided: string[] = [];
  return {
    decided,
    ask: (name: string, amount = 1): void => {
      const taken = room.take(amount);
      if (typeof taken === "boolean") decided.push(`${name} ${taken ? "in" : "refused"}`);
      else void taken.then((late) => decided.push(`${name} ${late ? "in" : "refused"}`));
    },
  };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("who finds room is in at once; who finds none waits in turn", async () => {
  const room = open(2);
  const { decided, ask } = watch(room);
  for (const name of ["a", "b", "c", "d"]) ask(name);
  await pass(100);
  expect(decided).toEqual(["a in", "b in"]);
  room.give(1);
  await pass(0);
  expect(decided).toEqual(["a in", "b in", "c in"]);
  room.give(1);
  await pass(0);
  expect([room.taken, decided.at(-1)]).toEqual([2, "d in"]);
});

test("who has waited for the longest wait is refused, and takes nothing", async () => {
  const room = open(1);
  const { decided, ask } = watch(room);
  ask("a");
  ask("b");
  await pass(WAIT_MS - 20);
  expect(decided).toEqual(["a in"]);
  await pass(20);
  expect(decided).toEqual(["a in", "b refused"]);
  room.give(1);
  expect(room.taken).toBe(0);
});

test("one more than may wait is refused at once, and so is everyone where nobody may wait", async () => {
  const room = open(1, { maxWaiting: 1 });
  const { decided, ask } = watch(room);
  for (const name of ["a", "b", "c"]) ask(name);
  expect(decided).toEqual(["a in", "c refused"]);
  room.give(1);
  await pass(0);
  expect(decided.at(-1)).toBe("b in");
  const strict = open(1, { maxWaitMs: 0 });
  expect([strict.take(1), strict.take(1)]).toEqual([true, false]);
});

test("amounts are let in in the order in which they came, the large one first where it was first", async () => {
  const room = open(10);
  const { decided, ask } = watch(room);
  ask("eight", 8);
  ask("five", 5);
  ask("one", 1);
  await pass(100);
  expect(decided).toEqual(["eight in"]);
  room.give(8);
  await pass(0);
  expect([room.taken, decided]).toEqual([6, ["eight in", "five in", "one in"]]);
});

test("what is larger than the room is let in alone", async () => {
  const room = open(10);
  const { decided, ask } = watch(room);
  ask("small", 1);
  ask("huge", 50);
  await pass(100);
  expect(decided).toEqual(["small in"]);
  room.give(1);
  await pass(0);
  ask("next", 1);
  await pass(100);
  expect([room.taken, decided]).toEqual([50, ["small in", "huge in"]]);
  room.give(50);
  await pass(0);
  expect(decided.at(-1)).toBe("next in");
});

test("while it is closed nobody is let in, and it is seen that it opens though nobody leaves", async () => {
  let isOpen = false;
  const room = open(10, { isOpen: () => isOpen });
  const { decided, ask } = watch(room);
  ask("a");
  await pass(200);
  expect(decided).toEqual([]);
  isOpen = true;
  await pass(20);
  expect(decided).toEqual(["a in"]);
});

describe("a queue that never empties", () => {
  /** One leaves every 20 ms, and three come; how long each of them waited, and whether it was let in. */
  async function overload(room: Room, seconds: number) {
    const waits: { ms: number; isIn: boolean }[] = [];
    await room.take(1);
    for (let ms = 0; ms < seconds * 1000; ms += 20) {
      for (let come = 0; come < 3; come++) {
        const since = performance.now();
        const note = (isIn: boolean): void => {
          waits.push({ ms: performance.now() - since, isIn });
        };
        const taken = room.take(1);
        if (typeof taken === "boolean") note(taken);
        else void taken.then(note);
      }
      room.give(1);
      await pass(20);
    }
    return waits;
  }

  test("is kept short: nobody waits long, and who finds it full is refused at once", async () => {
    const room = open(1);
    const waits = await overload(room, 10);
    const late = waits.slice(-200);
    // Ten wait, and one is let in every 20 ms.
    expect(Math.max(...late.map(({ ms }) => ms))).toBeLessThanOrEqual(10 * 20 + 20);
    expect(late.some(({ isIn }) => isIn)).toBe(true);
    expect(late.filter(({ isIn }) => !isIn).every(({ ms }) => ms === 0)).toBe(true);
    // Each that left made place for one.
    expect(waits.filter(({ isIn }) => isIn).length).toBeGreaterThanOrEqual(499);
    await pass(WAIT_MS);
  });

  test("stays short though all who wait are let in at once now and then", async () => {
    const room = open(50);
    const { ask } = watch(room);
    const come = (count: number): void => {
      for (let at = 0; at < count; at++) ask("x");
    };
    come(150);
    await pass(WAIT_MS);
    for (let batch = 0; batch < 5; batch++) {
      room.give(50);
      come(60);
      await pass(WAIT_MS / 2);
      come(20);
      expect([room.taken, room.waiting, room.refuses(1)]).toEqual([50, 10, true]);
    }
    await pass(WAIT_MS);
  });

  test("is long again for bursts that are soon let in", async () => {
    const room = open(50);
    const { ask } = watch(room);
    for (let at = 0; at < 60; at++) ask("stuck");
    await pass(WAIT_MS);
    const leave = (): void => {
      while (room.taken > 0) room.give(room.taken);
    };
    // What is refused now has met nobody who waits long.
    for (let burst = 0; burst < 4; burst++) {
      leave();
      for (let at = 0; at < 120; at++) ask("burst");
      leave();
      await pass(WAIT_MS / 2);
    }
    for (let at = 0; at < 120; at++) ask("burst");
    expect(room.waiting).toBe(70);
    await pass(WAIT_MS);
  });

  test("of full length that stands is cut, too, though all in it are let in in time", async () => {
    const room = open(1);
    const { ask } = watch(room);
    for (let at = 0; at < 101; at++) ask("x");
    for (let ms = 0; ms < WAIT_MS / 2; ms += 5) {
      room.give(1);
      ask("x");
      ask("x");
      await pass(5);
    }
    for (let ms = 0; ms < WAIT_MS / 2; ms += 5) {
      room.give(1);
      ask("x");
      await pass(5);
    }
    expect(room.waiting).toBeLessThanOrEqual(10);
    await pass(WAIT_MS);
  });

  test("that fits by now, though nobody left, is let in before anybody is refused", async () => {
    let isOpen = true;
    const room = open(1000, { isOpen: () => isOpen });
    const { ask } = watch(room);
    isOpen = false;
    for (let at = 0; at < 100; at++) ask("x");
    expect(room.waiting).toBe(100);
    isOpen = true;
    ask("one more");
    await pass(0);
    expect([room.taken, room.waiting]).toEqual([101, 0]);
  });

  test("where nobody waits who does not fit is refused at once", () => {
    const room = open(1, { maxWaitMs: 0 });
    expect(room.refuses(1)).toBe(false);
    expect(room.take(1)).toBe(true);
    expect(room.refuses(1)).toBe(true);
  });

  test("is a burst again once nobody has been refused for as long as one may wait", async () => {
    const room = open(1);
    await overload(room, 3);
    await pass(WAIT_MS);
    const { ask } = watch(room);
    for (let at = 0; at < 20; at++) ask("early");
    expect(room.waiting).toBe(10);
    room.give(1);
    await pass(WAIT_MS);
    await pass(WAIT_MS);
    for (let at = 0; at < 200; at++) ask("burst");
    expect([room.waiting, room.refuses(1)]).toEqual([100, true]);
    await pass(WAIT_MS);
  });

  test("a burst that is too large is cut where it is, and the rest of it waits as long as it may", async () => {
    const room = open(1);
    const { decided, ask } = watch(room);
    for (let at = 0; at < 150; at++) ask(String(at));
    expect([room.waiting, decided.filter((one) => one.endsWith("refused")).length]).toEqual([100, 49]);
    await pass(WAIT_MS - 20);
    expect(room.waiting).toBe(100);
    await pass(20);
    expect(room.waiting).toBe(0);
  });
});
