import { expect, test } from "vitest";
import { formatNano, nanoToUsd, parseUsd } from "../../src/lib/money.ts";

test("spend prints as exact decimals, never as binary dust", () => {
  expect(JSON.stringify(nanoToUsd(1_112_000))).toBe("0.001112");
  expect(formatNano(123_456_789_000_000_001n)).toBe("123456789.000000001");
});

test.each([
  [0.0000025, 12, 2_500_000n],
  ["2.5e-6", 12, 2_500_000n],
  ["0", 9, 0n],
  [".5", 9, 500_000_000n],
  ["1e-13", 12, 0n],
  ["5e-13", 12, 1n],
  [3e-7, 12, 300_000n],
])("parses %s at scale %i", (value, scale, expected) => {
  expect(parseUsd(value, scale)).toBe(expected);
});

test.each(["", ".", "-1", "1,5", "abc", "1e9999", "Infinity", Number.NaN, -1, "0x10"])(
  "refuses %s as money",
  (value) => {
    expect(parseUsd(value, 9)).toBeNull();
  },
);
