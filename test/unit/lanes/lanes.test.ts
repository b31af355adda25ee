import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Answer, LaneWorld } from "../../support/lane-world.ts";

const MINUTE = 60_000;
let world: LaneWorld;

beforeEach(() => {
  vi.useFakeTimers({
    now: new Date("2026-11-24T10:00:00Z"),
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  world = new LaneWorld();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const at = (ms: number): Date => new Date(Date.now() + ms);
const CLOSED = { openUntil: null, opens: 0, closedAt: null };

test("delivers what it hears of, and what the store has besides", async () => {
  world.add("a", 450);
  const lanes = world.worker();
  lanes.offer("a", world.idsOf("a", 3));
  await pass(1000);
  expect(world.attempts).toHaveLength(3);
  lanes.offer("a", []);
  await pass(10_000);
  expect([world.attempts.length, world.pending("a")]).toEqual([450, 0]);
  expect(new Set(world.attempts.map(({ id }) => id)).size).toBe(450);
});

test("a wake looks at the endpoint as it is now, not as it was a second ago", async () => {
  world.add("a", 3, { state: "paused" });
  const lanes = world.worker();
  lanes.offer("a", []);
  await pass(100);
  world.change("a", { state: "enabled" });
  lanes.offer("a", []);
  await pass(100);
  expect(world.pending("a")).toBe(0);
});

test("a wake that comes while attempts are in flight makes for another look when one has ended", async () => {
  world.add("a", 1);
  world.answer = () => ({ code: "delivered", afterMs: 1000 });
  const lanes = world.worker();
  lanes.offer("a", world.idsOf("a", 1));
  await pass(500);
  lanes.offer("a", []);
  await pass(100);
  // What was in flight is asked for once more: it is due when the attempt has ended.
  world.resend("a-0", "a");
  await pass(2000);
  expect(world.attempts).toHaveLength(2);
  expect(world.asked.findDue).toBeLessThanOrEqual(3);
});

test("an id that is told often is attempted once", async () => {
  world.add("a", 1);
  const lanes = world.worker();
  for (let i = 0; i < 50; i++) lanes.offer("a", world.idsOf("a", 1));
  await pass(1000);
  expect(world.attempts).toHaveLength(1);
});

describe("what may not be sent now uses no attempt, no place in the worker, and hardly any question to the store", () => {
  test.each<[string, Parameters<LaneWorld["add"]>[2], number]>([
    ["the endpoint is paused", { state: "paused" }, 0],
    ["the endpoint is disabled", { state: "disabled" }, 0],
    ["the endpoint is deleted", { deletedAt: new Date() }, 0],
    ["a Retry-After holds", { pausedUntil: new Date("2027-01-01") }, 5],
    ["the breaker is open", { breaker: { ...CLOSED, openUntil: new Date("2027-01-01"), opens: 9 } }, 5],
  ])("%s", async (_what, fields, wakes) => {
    world.add("held", 500, fields);
    world.add("other", 5);
    const lanes = world.worker({ fast: 1, slow: 1 });
    lanes.offer("held", world.idsOf("held", 500));
    lanes.offer("other", []);
    await pass(5 * MINUTE);
    expect([world.attemptsOf("held"), world.attemptsOf("other")]).toEqual([0, 5]);
    expect(world.pending("held")).toBe(500);
    // One look when it hears of them, and one a minute as long as it knows when they may be sent.
    expect(world.asked.endpoint).toBeLessThanOrEqual(1 + wakes + 20);
    expect(world.asked.claimProbe).toBe(0);
    expect(world.asked.findDue).toBeLessThanOrEqual(2);
  });

  test("another worker tries the receiver", async () => {
    world.add("a", 50, { breaker: { ...CLOSED, openUntil: at(-1), opens: 1 } });
    world.answer = () => ({ code: "delivered", afterMs: 20_000 });
    const workers = [world.worker(), world.worker(), world.worker()];
    for (const lanes of workers) lanes.offer("a", world.idsOf("a", 50));
    await pass(15_000);
    expect(world.attempts).toHaveLength(1);
    expect(world.asked.claimProbe).toBeLessThanOrEqual(workers.length);
    expect(world.asked.endpoint).toBeLessThanOrEqual(4 * workers.length);
  });
});

test("ten failures in a row open the breaker, and only what was in flight has been attempted", async () => {
  world.add("a", 500);
  world.answer = () => ({ code: "http_500", afterMs: 50 });
  const lanes = world.worker();
  lanes.offer("a", world.idsOf("a", 500));
  await pass(10_000);
  expect(world.find("a").breaker).toMatchObject({ opens: 1, closedAt: null });
  expect(world.attempts.length).toBeGreaterThanOrEqual(10);
  expect(world.attempts.length).toBeLessThanOrEqual(20);
});

test("a receiver that stays down is tried once each time, after longer and longer waits, and never forgotten", async () => {
  world.add("a", 500, { breaker: { ...CLOSED, openUntil: at(0), opens: 1 } });
  world.answer = () => ({ code: "connection_refused" });
  const lanes = world.worker();
  lanes.offer("a", []);
  await pass(2 * 60 * MINUTE);
  const seconds = world.attempts.map(({ atMs }) =>
    Math.round((atMs - (world.attempts[0]?.atMs ?? 0)) / 1000),
  );
  expect(seconds.slice(0, 6)).toEqual([0, 60, 180, 420, 900, 1800]);
  const waits = seconds.slice(6).map((second, index) => second - (seconds[index + 5] ?? 0));
  expect(new Set(waits)).toEqual(new Set([900]));
  expect(world.asked.claimProbe).toBe(world.attempts.length);
  // At most one look a minute while it waits, and a few around each try.
  expect(world.asked.endpoint).toBeLessThan(120 + 6 * world.attempts.length);
});

test("one success closes the breaker, and sending grows from ten a second", async () => {
  world.add("a", 2000, { maxInFlight: 100, breaker: { ...CLOSED, openUntil: at(0), opens: 3 } });
  const lanes = world.worker();
  lanes.offer("a", []);
  await pass(1000);
  expect(world.find("a").breaker).toMatchObject({ openUntil: null, opens: 0 });
  const counts: number[] = [];
  for (let second = 0; second < 20; second += 10) {
    const before = world.attempts.length;
    await pass(10_000);
    counts.push(world.attempts.length - before);
  }
  expect(counts[0]).toBeGreaterThanOrEqual(90);
  expect(counts[0]).toBeLessThanOrEqual(120);
  expect(counts[1]).toBeGreaterThanOrEqual(180);
  expect(counts[1]).toBeLessThanOrEqual(240);
  await pass(5 * MINUTE);
  expect(world.pending("a")).toBe(0);
});

test("a try that finds nothing to send gives the turn back, and the next delivery is tried at once", async () => {
  world.add("a", 1, { breaker: { ...CLOSED, openUntil: at(0), opens: 1 } });
  const lanes = world.worker();
  lanes.offer("a", ["gone-1"]);
  await pass(10);
  expect(world.attempts).toHaveLength(0);
  expect(world.find("a").breaker.openUntil?.getTime()).toBeLessThanOrEqual(Date.now());
  lanes.offer("a", []);
  await pass(1000);
  expect([world.attempts.length, world.find("a").breaker.openUntil]).toEqual([1, null]);
  expect(world.asked.claimProbe).toBeLessThanOrEqual(3);
});

test("a worker that dies while it tries leaves the turn to another when its time is over", async () => {
  world.add("a", 5, { breaker: { ...CLOSED, openUntil: at(0), opens: 1 } });
  world.answer = () => ({ code: "delivered", afterMs: 10 * MINUTE });
  const dead = world.worker();
  dead.offer("a", []);
  await pass(1000);
  expect(world.attempts).toHaveLength(1);
  world.answer = () => ({ code: "delivered" });
  const alive = world.worker();
  alive.offer("a", []);
  await pass(20_000);
  expect(world.attempts).toHaveLength(1);
  await pass(30_000);
  expect(world.attempts.length).toBeGreaterThan(1);
});

test("Retry-After pauses the endpoint for all workers, and sending goes on by itself", async () => {
  world.add("a", 30);
  let refused = false;
  world.answer = () => {
    if (refused) return { code: "delivered" };
    refused = true;
    return { code: "http_429", retryAfterMs: 40_000 };
  };
  const lanes = world.worker({ fast: 1, slow: 1 });
  lanes.offer("a", world.idsOf("a", 30));
  await pass(39_000);
  expect(world.attempts).toHaveLength(1);
  const other = world.worker();
  other.offer("a", []);
  await pass(500);
  expect(world.attempts).toHaveLength(1);
  await pass(10_000);
  expect(world.pending("a")).toBe(0);
});

test("a receiver that wants no more is disabled once, and its other deliveries are left alone", async () => {
  world.add("a", 100);
  world.answer = () => ({ code: "http_410", disable: "410 Gone" });
  const lanes = world.worker({ fast: 1, slow: 1 });
  lanes.offer("a", world.idsOf("a", 100));
  await pass(MINUTE);
  expect(world.disabled).toEqual([{ endpointId: "a", reason: "410 Gone" }]);
  expect([world.attempts.length, world.pending("a")]).toEqual([1, 100]);
});

describe.each<[string, Answer]>([
  ["no more", { code: "http_410", disable: "410 Gone" }],
  ["a pause", { code: "http_429", retryAfterMs: 40_000 }],
])("once a receiver has asked for %s nothing is begun", (_, answer) => {
  beforeEach(() => {
    world.add("a", 3);
    world.answer = () => answer;
  });

  test.each(["recordedMs", "changeToldMs"] as const)(
    "also before the store has said so: %s",
    async (slow) => {
      world[slow] = 500;
      const lanes = world.worker();
      lanes.offer("a", ["a-0"]);
      await pass(10);
      lanes.offer("a", ["a-1", "a-2"]);
      await pass(20_000);
      expect(world.attempts).toHaveLength(1);
    },
  );

  test("also by who read the endpoint before, and hears of it after", async () => {
    const lanes = world.worker();
    world.answer = () => ({ ...answer, afterMs: 2000 });
    lanes.offer("a", ["a-0"]);
    // What was read of it a second ago is read again, and comes when all is over.
    await pass(1990);
    world.readMs = 100;
    lanes.offer("a", ["a-1", "a-2"]);
    await pass(20_000);
    expect(world.attempts).toHaveLength(1);
  });
});

test("a retry within a minute wakes a worker, a later one is left to the sweep", async () => {
  world.add("a", 1);
  world.answer = () => ({ code: "http_500" });
  const lanes = world.worker();
  lanes.offer("a", world.idsOf("a", 1));
  await pass(100);
  expect(world.later).toEqual([{ id: "a-0", endpointId: "a", attempts: 1, delayMs: 5000 }]);
});

test("the endpoint's own rate and room are kept to, divided by the workers there are", async () => {
  world.add("rate", 500, { ratePerSecond: 20 });
  world.add("room", 500, { maxInFlight: 6 });
  world.answer = ({ endpointId }) => ({ code: "delivered", afterMs: endpointId === "room" ? 1000 : 1 });
  world.workers = 2;
  const lanes = world.worker();
  lanes.offer("rate", world.idsOf("rate", 500));
  await pass(5000);
  expect(world.attempts.length).toBeGreaterThanOrEqual(45);
  expect(world.attempts.length).toBeLessThanOrEqual(61);
  world.mostInFlight = 0;
  lanes.offer("room", world.idsOf("room", 500));
  await pass(500);
  expect(world.attempts.filter(({ endpointId }) => endpointId === "room")).toHaveLength(3);
});

test("a receiver that is overloaded gets fewer at once", async () => {
  world.add("a", 200);
  let answers = 0;
  const overloadedAtFirst = (): Answer =>
    ++answers <= 5 ? { code: "http_503" } : { code: "delivered", afterMs: 1000 };
  world.answer = overloadedAtFirst;
  const lanes = world.worker();
  lanes.offer("a", world.idsOf("a", 200));
  await pass(100);
  world.mostInFlight = 0;
  await pass(10_000);
  expect(world.mostInFlight).toBeLessThan(10);
});

test("a hundred endpoints take turns for few places", async () => {
  const names = Array.from({ length: 100 }, (_, index) => `ep-${index}`);
  for (const name of names) world.add(name, 60);
  world.answer = () => ({ code: "delivered", afterMs: 20 });
  const lanes = world.worker({ fast: 8, slow: 8 });
  for (const name of names) lanes.offer(name, world.idsOf(name, 60));
  for (let seconds = 1; seconds <= 5; seconds++) {
    await pass(1000);
    const counts = names.map((name) => world.attemptsOf(name));
    // All but the first one, who found the worker empty, are at most a turn apart.
    expect(Math.max(...counts.slice(1)) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
  await pass(MINUTE);
  expect(names.filter((name) => world.pending(name) > 0)).toEqual([]);
});

test("a hundred endpoints, fast, slow, failing and paused, do not get in each other's way", async () => {
  const kinds = ["fast", "slow", "fails", "paused"] as const;
  const names = Array.from({ length: 100 }, (_, index) => `${kinds[index % 4]}-${index}`);
  const of = (kind: string): string[] => names.filter((name) => name.startsWith(kind));
  for (const name of names) world.add(name, 60, name.startsWith("paused") ? { state: "paused" } : {});
  world.answer = ({ endpointId }) => {
    if (endpointId.startsWith("fails")) return { code: "http_500", afterMs: 20 };
    return { code: "delivered", afterMs: endpointId.startsWith("slow") ? 2500 : 20 };
  };
  const lanes = world.worker({ fast: 32, slow: 8 });
  for (const name of names) lanes.offer(name, world.idsOf(name, 60));
  await pass(20_000);
  expect(of("fast").filter((name) => world.pending(name) > 0)).toEqual([]);
  const slow = of("slow").map((name) => world.attemptsOf(name));
  expect(Math.min(...slow)).toBeGreaterThan(0);
  await pass(20 * MINUTE);
  expect(of("slow").filter((name) => world.pending(name) > 0)).toEqual([]);
  expect(of("fails").filter((name) => world.find(name).breaker.openUntil === null)).toEqual([]);
  expect(of("paused").filter((name) => world.attemptsOf(name) > 0)).toEqual([]);
  expect(world.failures).toEqual([]);
});

test("slow endpoints with long backlogs do not hold up the offers for others", async () => {
  const slow = Array.from({ length: 10 }, (_, index) => `slow-${index}`);
  for (const name of slow) world.add(name, 1500, { maxInFlight: 1 });
  world.add("healthy", 200);
  world.answer = ({ endpointId }) => ({ code: "delivered", afterMs: endpointId === "healthy" ? 1 : 14_000 });
  const lanes = world.worker();
  for (const name of [...slow, "healthy"]) lanes.offer(name, world.idsOf(name, 1500));
  await pass(5000);
  expect(world.pending("healthy")).toBe(0);
});

test("a place that its next in line cannot use goes to the one after", async () => {
  for (const name of ["first", "second", "third"]) world.add(name, 1);
  world.answer = ({ endpointId }) => ({ code: "delivered", afterMs: endpointId === "first" ? 1000 : 1 });
  const lanes = world.worker({ fast: 1, slow: 0 });
  for (const name of ["first", "second", "third"]) lanes.offer(name, world.idsOf(name, 1));
  await pass(100);
  world.change("second", { state: "paused" });
  await pass(10_000);
  expect(world.attempts.map(({ endpointId }) => endpointId)).toEqual(["first", "third"]);
});

describe("a store that is away", () => {
  test("a lane goes on by itself, also when its timer ends a little before its clock says so", async () => {
    world.clockRate = 0.9995;
    world.add("a", 30);
    world.broken.add("findDue");
    world.worker().offer("a", []);
    await pass(2500);
    world.broken.clear();
    await pass(5000);
    expect(world.pending("a")).toBe(0);
  });

  test.each(["endpoint", "findDue", "attempt", "claimProbe", "open", "close", "pauseUntil", "disable"])(
    "%s: the lane asks rarely, and goes on when it is back",
    async (name) => {
      const probing = name === "claimProbe" || name === "close";
      world.add("a", 300, probing ? { breaker: { ...CLOSED, openUntil: at(0), opens: 1 } } : {});
      const bad: Record<string, Answer> = {
        open: { code: "http_500" },
        pauseUntil: { code: "http_429", retryAfterMs: 1000 },
        disable: { code: "http_410", disable: "410" },
      };
      world.answer = () => bad[name] ?? { code: "delivered" };
      world.broken.add(name);
      const lanes = world.worker({ fast: 2, slow: 2 });
      lanes.offer("a", []);
      await pass(20_000);
      expect(world.failures.length).toBeGreaterThan(0);
      expect(world.asked.endpoint).toBeLessThan(700);
      expect(world.asked.findDue).toBeLessThan(60);
      world.broken.clear();
      world.answer = () => ({ code: "delivered" });
      for (let sweep = 0; sweep < 60 && world.pending("a") > 0; sweep++) {
        lanes.offer("a", []);
        await pass(5000);
      }
      expect(world.pending("a")).toBe(0);
      expect(world.inFlight).toBe(0);
    },
  );
});

describe("stopping", () => {
  test("what has not begun is handed over at once, and what is in flight is not", async () => {
    world.add("busy", 200);
    world.add("idle", 1);
    world.answer = () => ({ code: "delivered", afterMs: 5000 });
    const lanes = world.worker();
    lanes.offer("idle", world.idsOf("idle", 1));
    lanes.offer("busy", world.idsOf("busy", 200));
    await pass(100);
    const stopping = lanes.stop();
    expect(world.handedOver).toEqual(["busy"]);
    await pass(6000);
    await stopping;
    expect(world.pending("busy")).toBeGreaterThan(0);
  });

  test("waits for what is in flight and begins nothing more", async () => {
    world.add("a", 50, { maxInFlight: 3 });
    world.answer = () => ({ code: "delivered", afterMs: 5000 });
    const lanes = world.worker();
    lanes.offer("a", world.idsOf("a", 50));
    await pass(10);
    let stopped = false;
    const stopping = lanes.stop().then(() => {
      stopped = true;
    });
    await pass(4000);
    expect(stopped).toBe(false);
    await pass(2000);
    await stopping;
    expect(world.attempts).toHaveLength(3);
    lanes.offer("a", world.idsOf("a", 50));
    await pass(MINUTE);
    expect(world.attempts).toHaveLength(3);
  });

  test("what was about to begin does not begin", async () => {
    world.add("a", 5);
    const lanes = world.worker();
    lanes.offer("a", world.idsOf("a", 5));
    await lanes.stop();
    await pass(MINUTE);
    expect(world.attempts).toHaveLength(0);
  });
});
