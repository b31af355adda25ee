/**
 * Money is an integer count of nano-USD (1e-9 USD). One request fits a JS number;
 * totals are bigint. Nothing here ever sees a binary fraction of a dollar.
 */

/** Decimal places of a nano-dollar. */
const NANO_SCALE = 9;

/** A price or amount in USD as exact text: plain decimals or scientific notation, never below zero. */
const DECIMAL = /^\+?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;
/** Every decimal of so many digits comes out of a double as it went in. */
const NUMBER_DIGITS = 15;

/** What keeps an amount from being read: it is no finite decimal of zero or more, or has digits beyond the scale. */
export type AmountFault = "not_an_amount" | "too_fine";

/**
 * Reads a decimal USD amount that somebody has set as an integer count of 10^-scale USD, exactly: what is finer
 * than that is a fault, and never rounded to something else. A number's digits after the fifteenth are its
 * machine's (0.1 + 0.2 is 0.30000000000000004), and are passed over where they alone are too fine.
 */
export function readUsd(value: number | string, scale: number): bigint | AmountFault {
  const exact = readExactly(typeof value === "number" ? String(value) : value, scale);
  if (typeof value === "string" || exact !== "too_fine") return exact;
  return readExactly(value.toPrecision(NUMBER_DIGITS), scale);
}

function readExactly(text: string, scale: number): bigint | AmountFault {
  const decimal = readDecimal(text, scale);
  if (decimal === null) return "not_an_amount";
  const { digits, divisor } = decimal;
  return digits % divisor === 0n ? digits / divisor : "too_fine";
}

/**
 * Reads a decimal USD amount that was measured or computed (number or numeric string) as an integer count of 10^-scale USD.
 * Digits beyond the scale are rounded half up. Returns null for anything that is not a finite
 * non-negative decimal.
 */
export function parseUsd(value: number | string, scale: number): bigint | null {
  const decimal = readDecimal(String(value), scale);
  return decimal === null ? null : divideHalfUp(decimal.digits, decimal.divisor);
}

/** The amount in units of 10^-scale is `digits / divisor`. */
function readDecimal(text: string, scale: number): { digits: bigint; divisor: bigint } | null {
  const match = DECIMAL.exec(text.trim());
  if (!match) return null;
  const whole = match[1] ?? "";
  const fraction = match[2] ?? "";
  if (whole === "" && fraction === "") return null;
  const shift = Number(match[3] ?? 0) + scale - fraction.length;
  const digits = BigInt(whole + fraction);
  if (shift >= 0) return { digits: digits * 10n ** BigInt(shift), divisor: 1n };
  return { digits, divisor: 10n ** BigInt(-shift) };
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
