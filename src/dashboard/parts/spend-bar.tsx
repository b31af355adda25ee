import { exactMoney } from "../format/money.ts";
import { formatShare } from "../format/numbers.ts";

interface SpendBarProps {
  readonly spend: number;
  readonly held: number | null;
  readonly max: number | null;
  readonly large?: boolean;
}

/** Settled spend and what calls in flight hold, against the budget. Nothing without a budget. */
export function SpendBar({ spend, held, max, large = false }: SpendBarProps) {
  if (max === null) return <span class="muted">no limit</span>;
  const share = max === 0 ? 1 : spend / max;
  const heldShare = max === 0 ? 0 : (held ?? 0) / max;
  const tone = share >= 1 ? "over" : share >= 0.8 ? "near" : "fine";
  const heldText = held === null ? "" : `, ${exactMoney(held)} held by calls in flight`;
  const label = `${formatShare(share)} of ${exactMoney(max)}: ${exactMoney(spend)} spent${heldText}`;
  const width = (part: number): string => `${Math.min(100, Math.max(0, part * 100)).toFixed(2)}%`;
  return (
    <span class={`bar bar-${tone}${large ? " bar-large" : ""}`} role="img" aria-label={label} title={label}>
      <span class="bar-spent" style={{ width: width(share) }} />
      <span class="bar-held" style={{ width: width(Math.min(heldShare, Math.max(0, 1 - share))) }} />
    </span>
  );
}
