import { expect, test } from "vitest";
import { createLookout } from "../../src/webhooks/lookout.ts";

function lookoutAt(): {
  at: (ms: number) => Promise<number>;
  heardAt: (ms: number) => void;
  storeIs: (up: boolean) => void;
} {
  let nowMs = 0;
  let looks = 0;
  let isStoreUp = true;
  const lookout = createLookout({
    look: () => {
      looks++;
      return Promise.resolve(isStoreUp);
    },
    nowMs: () => nowMs,
  });
  return {
    storeIs: (up) => {
      isStoreUp = up;
    },
    heardAt: (ms) => {
      nowMs = ms;
      lookout.heard();
    },
    at: async (ms) => {
      nowMs = ms;
      await lookout.lookIfSilent();
      return looks;
    },
  };
}

test("a worker that hears nothing for fifteen seconds looks by itself, and again after as long", async () => {
  const { at, heardAt } = lookoutAt();
  heardAt(0);
  expect(await at(14_999)).toBe(0);
  expect(await at(15_000)).toBe(1);
  expect(await at(29_999)).toBe(1);
  expect(await at(30_000)).toBe(2);
});

test("a look that the store did not answer is done again at once", async () => {
  const { at, heardAt, storeIs } = lookoutAt();
  heardAt(0);
  storeIs(false);
  expect([await at(15_000), await at(16_000)]).toEqual([1, 2]);
  storeIs(true);
  expect([await at(17_000), await at(18_000), await at(32_000)]).toEqual([3, 3, 4]);
});

test("as long as the queue tells of something, nobody looks", async () => {
  const { at, heardAt } = lookoutAt();
  for (let ms = 0; ms <= 120_000; ms += 10_000) {
    heardAt(ms);
    expect(await at(ms + 9999)).toBe(0);
  }
});

test("a worker that has never reached its queue waits for it", async () => {
  const { at } = lookoutAt();
  expect(await at(3_600_000)).toBe(0);
});
