import type { Overview } from "../api/schemas/overview.ts";
import { formatMoney } from "../format/money.ts";
import { compactCount, formatChange, formatCount, plural } from "../format/numbers.ts";
import { Money } from "../parts/money.tsx";
import { Stat } from "../parts/stat.tsx";

/** The figures at the top: today against yesterday, the range against the one before. */
export function OverviewStats({ data, days }: { data: Overview; days: number }) {
  const { today, yesterday, range, previous, near_count: near, over_count: over } = data;
  const change = formatChange(range.spend, previous.spend);
  const tokens = range.prompt_tokens + range.completion_tokens;
  return (
    <dl class="stats">
      <Stat
        label="Spend today"
        value={<Money usd={today.spend} />}
        note={`${formatMoney(yesterday.spend)} yesterday`}
      />
      <Stat
        label={`Spend in ${plural(days, "day")}`}
        value={<Money usd={range.spend} />}
        note={change === null ? "nothing before to compare" : `${change} to the ${days} days before`}
      />
      <Stat
        label="Calls"
        value={compactCount(range.calls)}
        note={`${formatCount(today.calls)} today, ${formatCount(yesterday.calls)} yesterday`}
      />
      <Stat
        label="Tokens"
        value={compactCount(tokens)}
        note={`${compactCount(range.completion_tokens)} generated`}
      />
      <Stat
        label="At 80 % or more"
        value={formatCount(near)}
        note={over === 0 ? "no customer over budget" : `${plural(over, "customer")} over budget`}
        tone={over > 0 ? "bad" : near > 0 ? "warn" : "plain"}
      />
    </dl>
  );
}
