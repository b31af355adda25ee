import { expect, test } from "vitest";
import { formatNano, nanoToUsd, parseUsd, readUsd } from "../../src/lib/money.ts";

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

test.each<[value: number | string, scale: number, read: bigint | string]>([
  [0, 9, 0n],
  [-0, 9, 0n],
  [1e-9, 9, 1n],
  ["0.000000001", 9, 1n],
  ["1e-9", 9, 1n],
  ["10e-10", 9, 1n],
  ["0.1000000000", 9, 100_000_000n],
  ["0.00000000000", 9, 0n],
  ["0e-30", 9, 0n],
  ["+2.5", 9, 2_500_000_000n],
  [" 4 ", 9, 4_000_000_000n],
  // Finer than the scale, however it is written: neither nothing nor the next bigger thing.
  [5e-11, 9, "too_fine"],
  [5e-10, 9, "too_fine"],
  [1e-10, 9, "too_fine"],
  ["1e-10", 9, "too_fine"],
  ["0.0000000001", 9, "too_fine"],
  ["5e-324", 9, "too_fine"],
  [5e-324, 9, "too_fine"],
  [4.0000000001, 9, "too_fine"],
  ["4.0000000001", 9, "too_fine"],
  [10 / 3, 9, "too_fine"],
  ["0.30000000000000004", 9, "too_fine"],
  // Of a number the digits after the fifteenth are its machine's.
  [0.1 + 0.2, 9, 300_000_000n],
  [0.0011120000000000001, 9, 1_112_000n],
  [1.0000000000000002e-7, 12, 100_000n],
  [1_234_567.891234567, 9, 1_234_567_891_234_567n],
  [0.1 * 3 * 7, 9, 2_100_000_000n],
  [2.5e-13, 12, "too_fine"],
  ["2.5e-12", 12, "too_fine"],
  ["2e-12", 12, 2n],
  ["-1", 9, "not_an_amount"],
  ["1,5", 9, "not_an_amount"],
  ["lots", 9, "not_an_amount"],
  ["", 9, "not_an_amount"],
  [Number.NaN, 9, "not_an_amount"],
  [Infinity, 9, "not_an_amount"],
])("reads %s at scale %i exactly, or says why not", (value, scale, expected) => {
  expect(readUsd(value, scale)).toBe(expected);
});

test.each(["", ".", "-1", "1,5", "abc", "1e9999", "Infinity", Number.NaN, -1, "0x10"])(
  "refuses %s as money",
  (value) => {
    expect(parseUsd(value, 9)).toBeNull();
  },
);
