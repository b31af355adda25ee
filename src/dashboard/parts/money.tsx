import { exactMoney, moneyParts } from "../format/money.ts";

interface MoneyProps {
  readonly usd: number;
  /** In a column: room for so many decimals, so that the points stand below each other. */
  readonly decimals?: number | undefined;
}

/** An amount for reading, with the exact one when it is pointed at. */
export function Money({ usd, decimals }: MoneyProps) {
  const { sign, whole, fraction } = moneyParts(usd);
  const room = decimals === undefined ? undefined : { minWidth: `${decimals}ch` };
  return (
    <span class="money" title={exactMoney(usd)}>
      {sign}${whole}.
      <span class="money-fraction" style={room}>
        {fraction}
      </span>
    </span>
  );
}

/** The most decimals that any of these amounts shows. */
export function decimalsOf(amounts: readonly (number | null)[]): number {
  return Math.max(2, ...amounts.map((usd) => (usd === null ? 2 : moneyParts(usd).fraction.length)));
}
