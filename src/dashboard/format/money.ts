const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SMALLEST_DIGITS = 9;

/** An amount cut for reading: whole dollars, and the decimals after the point. */
export interface MoneyParts {
  readonly sign: string;
  readonly whole: string;
  readonly fraction: string;
}

/**
 * USD for reading: cents, and for less than a cent as many decimals as show two digits of it, since the
 * amount of one call is never just "0.00".
 */
export function moneyParts(usd: number): MoneyParts {
  const size = Math.abs(usd);
  const digits = size === 0 || size >= 0.01 ? 2 : Math.min(SMALLEST_DIGITS, 1 - Math.floor(Math.log10(size)));
  const [whole = "0", fraction = "00"] = size.toFixed(digits).split(".");
  return { sign: usd < 0 ? "−" : "", whole: GROUPED.format(BigInt(whole)), fraction: trim(fraction) };
}

function trim(fraction: string): string {
  const short = fraction.replace(/0+$/, "");
  return short.length < 2 ? fraction.slice(0, 2) : short;
}

/** USD for reading: $1,234.50, $0.0000034. */
export function formatMoney(usd: number): string {
  const { sign, whole, fraction } = moneyParts(usd);
  return `${sign}$${whole}.${fraction}`;
}

/** The exact amount, to the nano-dollar: $1,234.500000001. */
export function exactMoney(usd: number): string {
  const [whole = "0", fraction = ""] = Math.abs(usd).toFixed(SMALLEST_DIGITS).split(".");
  const decimals = fraction.replace(/0+$/, "").padEnd(2, "0");
  return `${usd < 0 ? "−" : ""}$${GROUPED.format(BigInt(whole))}.${decimals}`;
}

/** USD on an axis: $0, $0.5, $12, $1.2k. */
export function axisMoney(usd: number): string {
  if (usd === 0) return "$0";
  if (Math.abs(usd) >= 1000) return `$${compact(usd)}`;
  return `$${Number(usd.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: SMALLEST_DIGITS })}`;
}

function compact(value: number): string {
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}
