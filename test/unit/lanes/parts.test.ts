import { describe, expect, test } from "vitest";
import { AdaptiveLimit } from "../../../src/webhooks/lanes/adaptive-limit.ts";
import { breakerState, FailureWatch, openForMs, rampPerSecond } from "../../../src/webhooks/lanes/breaker.ts";
import { rememberBriefly } from "../../../src/webhooks/lanes/endpoint-cache.ts";
import { type Release, Slots } from "../../../src/webhooks/lanes/slots.ts";
import { TokenBucket } from "../../../src/webhooks/lanes/token-bucket.ts";
import { newEndpoint } from "../../../src/webhooks/endpoint-store.ts";

const times = (count: number, work: () => unknown): void => {
  for (let i = 0; i < count; i++) work();
};

describe("AdaptiveLimit", () => {
  test("begins at ten, and grows with successes up to the endpoint's own limit", () => {
    const limit = new AdaptiveLimit();
    expect(limit.allowed(50)).toBe(10);
    expect(limit.allowed(3)).toBe(3);
    times(4 * 15, () => limit.succeeded(50));
    expect(limit.allowed(50)).toBe(25);
    times(1000, () => limit.succeeded(50));
    expect(limit.allowed(50)).toBe(50);
    expect(limit.allowed(100)).toBe(50);
  });

  test("halves when the receiver is overloaded, never below one, and then grows more slowly", () => {
    const limit = new AdaptiveLimit(16);
    limit.overloaded();
    expect(limit.allowed(50)).toBe(8);
    times(19, () => limit.succeeded(50));
    expect(limit.allowed(50)).toBe(8);
    limit.succeeded(50);
    expect(limit.allowed(50)).toBe(9);
    times(20, () => limit.overloaded());
    expect(limit.allowed(50)).toBe(1);
    times(20, () => limit.succeeded(50));
    expect(limit.allowed(50)).toBe(2);
  });

  test("a limit that was lowered meanwhile is kept to", () => {
    const limit = new AdaptiveLimit(40);
    times(4, () => limit.succeeded(5));
    expect(limit.allowed(5)).toBe(5);
    expect(limit.allowed(0)).toBe(1);
  });
});

describe("TokenBucket", () => {
  test("lets one through at once, then at its rate", () => {
    const bucket = new TokenBucket(0);
    expect(bucket.take(4, 0)).toBe(0);
    expect(bucket.take(4, 0)).toBe(250);
    expect(bucket.take(4, 100)).toBe(150);
    expect(bucket.take(4, 250)).toBe(0);
  });

  test("after a rest there is one second's worth, and not more", () => {
    const bucket = new TokenBucket(0);
    let taken = 0;
    while (bucket.take(5, 60_000) === 0) taken++;
    expect(taken).toBe(5);
  });

  test("rates below one a second are kept to", () => {
    const bucket = new TokenBucket(0);
    expect(bucket.take(0.01, 0)).toBe(0);
    expect(bucket.take(0.01, 0)).toBe(100_000);
    expect(bucket.take(0.01, 99_999)).toBeGreaterThan(0);
    expect(bucket.take(0.01, 100_001)).toBe(0);
  });

  test("a rate that is lowered takes effect at once", () => {
    const bucket = new TokenBucket(0);
    expect(bucket.take(1000, 1000)).toBe(0);
    let taken = 0;
    while (bucket.take(2, 1000) === 0) taken++;
    expect(taken).toBe(2);
  });

  test("a token that was given back can be taken again, and a clock that goes back gives nothing", () => {
    const bucket = new TokenBucket(0);
    expect(bucket.take(1, 0)).toBe(0);
    bucket.putBack();
    expect(bucket.take(1, 0)).toBe(0);
    expect(bucket.take(1, -5000)).toBe(1000);
  });
});

describe("breaker", () => {
  const NOW = new Date("2026-11-24T10:00:00Z");
  const after = (ms: number): Date => new Date(NOW.getTime() + ms);

  test("is open until its time, and then lets one through", () => {
    const state = (openUntil: Date | null): string =>
      breakerState({ openUntil, opens: 1, closedAt: null }, NOW);
    expect(state(null)).toBe("closed");
    expect(state(after(1))).toBe("open");
    expect(state(NOW)).toBe("half_open");
    expect(state(after(-1))).toBe("half_open");
  });

  test("stays open twice as long each time, up to a quarter of an hour", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 1000].map((opens) => openForMs(opens, 30_000) / 1000)).toEqual([
      30, 60, 120, 240, 480, 900, 900, 900,
    ]);
  });

  test("after it has closed, ten a second, doubling every ten seconds for two minutes", () => {
    const ramp = (ms: number): number | null =>
      rampPerSecond({ openUntil: null, opens: 0, closedAt: NOW }, after(ms));
    expect([-5000, 0, 9999, 10_000, 20_000, 110_000, 119_999, 120_000].map(ramp)).toEqual([
      10,
      10,
      10,
      20,
      40,
      20_480,
      20_480,
      null,
    ]);
    expect(rampPerSecond({ openUntil: null, opens: 0, closedAt: null }, NOW)).toBeNull();
  });
});

describe("FailureWatch", () => {
  test("ten failures in a row are too many, nine are not", () => {
    const watch = new FailureWatch();
    times(3, () => watch.succeeded(0));
    const said = Array.from({ length: 10 }, () => watch.failed(0));
    // Before the tenth in a row, seven of ten had failed.
    expect(said.indexOf(true)).toBe(6);
    watch.reset();
    const straight = Array.from({ length: 10 }, () => watch.failed(0));
    expect(straight.indexOf(true)).toBe(9);
  });

  test("six of ten are not too many, however long it goes on", () => {
    const watch = new FailureWatch();
    const said: boolean[] = [];
    times(500, () => {
      for (const failed of [true, true, false, true, true, false, true, true, false, false]) {
        if (failed) said.push(watch.failed(0));
        else watch.succeeded(0);
      }
    });
    expect(said).not.toContain(true);
  });

  test("failures of more than five minutes ago are forgotten", () => {
    const watch = new FailureWatch();
    times(9, () => watch.failed(0));
    watch.succeeded(1);
    expect(watch.failed(300_002)).toBe(false);
    times(5, () => watch.succeeded(300_003));
    times(8, () => expect(watch.failed(300_004)).toBe(false));
  });

  test("what was before a reset counts for nothing", () => {
    const watch = new FailureWatch();
    times(9, () => watch.failed(0));
    watch.reset();
    times(9, () => expect(watch.failed(0)).toBe(false));
    expect(watch.failed(0)).toBe(true);
  });
});

describe("Slots", () => {
  const never = (): never => {
    throw new Error("Nobody was to be woken");
  };

  test("gives what there is, each kind its own, and a place given back twice counts once", () => {
    const slots = new Slots({ fast: 1, slow: 1 });
    const fast = slots.take("fast", never);
    expect(slots.take("slow", never)).not.toBeNull();
    fast?.();
    fast?.();
    expect(slots.take("fast", never)).not.toBeNull();
    expect(slots.take("fast", () => {})).toBeNull();
  });

  test("hands each place that is given back to who has waited longest, once however often it asked", () => {
    const slots = new Slots({ fast: 2, slow: 0 });
    const held = [slots.take("fast", never), slots.take("fast", never)];
    const got: [string, Release][] = [];
    const taker = (name: string) => (release: Release) => void got.push([name, release]);
    const [a, b, c] = [taker("a"), taker("b"), taker("c")];
    for (const handOver of [a, b, a, c]) expect(slots.take("fast", handOver)).toBeNull();
    held[0]?.();
    held[0]?.();
    expect(got.map(([name]) => name)).toEqual(["a"]);
    // What is handed over is not free for others in between.
    expect(slots.take("fast", a)).toBeNull();
    held[1]?.();
    got[0]?.[1]();
    expect(got.map(([name]) => name)).toEqual(["a", "b", "c"]);
    for (const [, release] of got.slice(1)) release();
    expect(got.map(([name]) => name)).toEqual(["a", "b", "c", "a"]);
    expect(slots.take("fast", never)).not.toBeNull();
  });
});

describe("the endpoint cache", () => {
  test("reads once a second for all who ask, and again when told to forget", async () => {
    let reads = 0;
    let nowMs = 0;
    const endpoint = newEndpoint({ id: "ep_1", url: "https://a.test/", secret: "x" }, new Date(0));
    const cache = rememberBriefly(
      () => {
        reads++;
        return Promise.resolve(endpoint);
      },
      () => nowMs,
    );
    await Promise.all([cache.get("ep_1"), cache.get("ep_1")]);
    nowMs = 999;
    await cache.get("ep_1");
    expect(reads).toBe(1);
    nowMs = 1000;
    await cache.get("ep_1");
    expect(reads).toBe(2);
    cache.forget("ep_1");
    expect(await cache.get("ep_1")).toBe(endpoint);
    expect(reads).toBe(3);
  });

  test("a read that fails is not remembered, and does not take a newer one with it", async () => {
    const answers: PromiseWithResolvers<null>[] = [];
    const cache = rememberBriefly(
      () => {
        const answer = Promise.withResolvers<null>();
        answers.push(answer);
        return answer.promise;
      },
      () => 0,
    );
    const first = cache.get("ep_1");
    cache.forget("ep_1");
    const second = cache.get("ep_1");
    answers[0]?.reject(new Error("away"));
    await expect(first).rejects.toThrow("away");
    answers[1]?.resolve(null);
    await second;
    await cache.get("ep_1");
    expect(answers).toHaveLength(2);
    cache.forget("ep_1");
    const third = cache.get("ep_1");
    answers[2]?.reject(new Error("away again"));
    await expect(third).rejects.toThrow("away again");
    void cache.get("ep_1");
    expect(answers).toHaveLength(4);
  });
});
