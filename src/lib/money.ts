/**
 * Money is an integer count of nano-USD (1e-9 USD). One request fits a JS number;
 * totals are bigint. Nothing here ever sees a binary fraction of a dollar.
 */

/** Decimal places of a nano-dollar. */
const NANO_SCALE = 9;

/** A price or amount in USD as exact text: plain decimals or scientific notation, no sign. */
const DECIMAL = /^(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Reads a decimal USD amount (number or numeric string) as an integer count of 10^-scale USD.
 * Digits beyond the scale are rounded half up. Returns null for anything that is not a finite
 * non-negative decimal.
 */
export function parseUsd(value: number | string, scale: number): bigint | null {
  const text = typeof value === "number" ? String(value) : value.trim();
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const whole = match[1] ?? "";
  const fraction = match[2] ?? "";
  if (whole === "" && fraction === "") return null;
  const shift = Number(match[3] ?? 0) + scale - fraction.length;
  const digits = BigInt(whole + fraction || "0");
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  return divideHalfUp(digits, 10n ** BigInt(-shift));
}

/** Integer division of non-negative numbers, rounded half up. */
export function divideHalfUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}

/** An integer count of 10^-scale as exact decimal text without trailing zeros. */
export function formatDecimal(units: bigint, scale: number): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  const fraction = digits.slice(-scale).replace(/0+$/, "");
  const whole = digits.slice(0, -scale);
  return sign + (fraction === "" ? whole : `${whole}.${fraction}`);
}

/** Nano-USD as exact decimal text without trailing zeros: 1112000n is "0.001112". */
export function formatNano(nano: bigint | number): string {
  return formatDecimal(BigInt(nano), NANO_SCALE);
}

/**
 * Nano-USD as the number JSON prints. The nearest double to a decimal of at most nine places prints
 * as that decimal while the amount has at most fifteen significant digits (below a million USD).
 */
export function nanoToUsd(nano: bigint | number): number {
  return Number(formatNano(nano));
}

/**
 * Nano-USD for `JSON.stringify`: prints as an exact plain decimal at any size, where a double would round
 * large totals and write small ones as 1e-9.
 */
export function usdJson(nano: bigint): number {
  // The declared return type lets money sit in typed bodies; JSON.rawJSON is in the runtime, not yet in lib.
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => number };
  return rawJSON(formatNano(nano));
}
