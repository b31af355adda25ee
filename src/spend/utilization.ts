const STEPS = 1000n;

/**
 * The share of a maximum that is spent, in thousandths, rounded down: 1 and more is over it; null without a
 * maximum. The customer's document carries it to be sorted by. In thousandths most charges leave it, and
 * its indexes, as they are.
 */
export function utilizationOf(spendNano: bigint, maxNano: bigint | null): number | null {
  if (maxNano === null) return null;
  if (spendNano <= 0n) return 0;
  // Nothing may be spent, and something is.
  if (maxNano === 0n) return 1;
  return Number((spendNano * STEPS) / maxNano) / Number(STEPS);
}

/** From here on a customer counts as near its budget; those over it are near it as well. */
export const NEAR_UTILIZATION = 0.8;
export const OVER_UTILIZATION = 1;
