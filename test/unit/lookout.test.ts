import { expect, test } from "vitest";
import { createLookout } from "../../src/webhooks/lookout.ts";

function lookoutAt(): { at: (ms: number) => Promise<number>; heardAt: (ms: number) => void } {
  let nowMs = 0;
  let looks = 0;
  const lookout = createLookout({
    look: () => {
      looks++;
      return Promise.resolve();
    },
    nowMs: () => nowMs,
  });
  return {
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
