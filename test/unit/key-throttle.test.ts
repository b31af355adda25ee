import { expect, test } from "vitest";
import { createKeyThrottle } from "../../src/http/key-throttle.ts";

function throttleAt(): { at: (ms: number) => void; throttle: ReturnType<typeof createKeyThrottle> } {
  let now = 0;
  return { at: (ms) => (now = ms), throttle: createKeyThrottle({ mostWrong: 5, nowMs: () => now }) };
}

test("the fifth wrong key closes an address until the first is a minute old", () => {
  const { at, throttle } = throttleAt();
  for (const second of [0, 10, 20, 30]) {
    at(second * 1000);
    throttle.failed("203.0.113.9");
  }
  expect(throttle.waitSeconds("203.0.113.9")).toBe(0);
  at(40_000);
  throttle.failed("203.0.113.9");
  expect(throttle.waitSeconds("203.0.113.9")).toBe(20);
  expect(throttle.waitSeconds("203.0.113.10")).toBe(0);
  at(60_000);
  expect(throttle.waitSeconds("203.0.113.9")).toBe(0);
  throttle.failed("203.0.113.9");
  expect(throttle.waitSeconds("203.0.113.9")).toBe(10);
});

test.each([
  ["another address of the same IPv6 network", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
  ["the IPv4 address inside an IPv6 one", "::ffff:198.51.100.1", "198.51.100.1", true],
  ["another IPv6 network", "2001:db8:1:2::1", "2001:db8:1:3::1", false],
])("%s", (_what, first, second, isSame) => {
  const { throttle } = throttleAt();
  for (let tries = 0; tries < 5; tries++) throttle.failed(first);
  expect(throttle.waitSeconds(second) > 0).toBe(isSame);
});

test("many addresses push out the oldest instead of filling memory", () => {
  const { throttle } = throttleAt();
  for (let tries = 0; tries < 5; tries++) throttle.failed("192.0.2.1");
  for (let at = 0; at < 10_000; at++) throttle.failed(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
  expect(throttle.waitSeconds("192.0.2.1")).toBe(0);
});
