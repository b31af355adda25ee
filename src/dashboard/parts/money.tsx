import { CENTS, exactMoney, moneyParts } from "../format/money.ts";

interface MoneyProps {
  readonly usd: number;
  /** In a column: room for so many decimals, so that the points stand below each other. */
  readonly decimals?: number | undefined;
  /** Decimals that are always shown. */
  readonly least?: number;
}

/** An amount for reading, with the exact one when it is pointed at. */
export function Money({ usd, decimals, least = CENTS }: MoneyProps) {
  const { sign, whole, fraction } = moneyParts(usd, least);
  const missing = Math.max(0, (decimals ?? 0) - fraction.length);
  return (
    <span
      class="money"
      title={exactMoney(usd)}
      style={missing === 0 ? undefined : { paddingRight: `${missing}ch` }}
    >
      {`${sign}$${whole}.${fraction}`}
    </span>
  );
}

/** The most decimals that any of these amounts shows. */
export function decimalsOf(amounts: readonly (number | null)[], least = CENTS): number {
  return Math.max(
    least,
    ...amounts.map((usd) => (usd === null ? 0 : moneyParts(usd, least).fraction.length)),
  );
}
