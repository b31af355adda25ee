const GROUPED = new Intl.NumberFormat("en-US");
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** 1,234,567 */
export function formatCount(count: number): string {
  return GROUPED.format(count);
}

/** 1.2M, for figures that only give the size. */
export function compactCount(count: number): string {
  return count < 10_000 ? GROUPED.format(count) : COMPACT.format(count);
}

/** A share as a percentage that never rounds up to a limit that is not reached: 0.9996 is 99.9 %. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  const digits = percent < 10 || (percent > 99 && percent < 100) ? 1 : 0;
  const scale = 10 ** digits;
  // Binary fractions: 0.29 * 100 is 28.999999999999996.
  const floored = Math.floor(Number((percent * scale).toFixed(6))) / scale;
  return `${GROUPED.format(floored)} %`;
}

/** "1 customer", "3 customers". */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : many}`;
}

/** How a figure has changed: +12 %, −3 %, or null when there was nothing to compare with. */
export function formatChange(now: number, before: number): string | null {
  if (before === 0) return null;
  const change = Math.round(((now - before) / before) * 100);
  if (change > 999) return `× ${GROUPED.format(Math.round(now / before))}`;
  return `${change < 0 ? "−" : "+"}${Math.abs(change)} %`;
}
