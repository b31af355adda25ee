import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { CustomerDetail } from "../api/schemas/customers.ts";
import { formatDate } from "../format/dates.ts";
import { formatMoney } from "../format/money.ts";
import { formatCount, formatShare } from "../format/numbers.ts";
import { BudgetName } from "../parts/budget-name.tsx";
import { Money } from "../parts/money.tsx";
import { SpendBar } from "../parts/spend-bar.tsx";
import { Stat } from "../parts/stat.tsx";
import { Ago, Until } from "../parts/time.tsx";

interface CustomerStatsProps {
  readonly customer: CustomerDetail;
  readonly budgets: readonly UsedBudget[];
}

/** How the customer stands in this period. */
export function CustomerStats({ customer, budgets }: CustomerStatsProps) {
  const { spend, held, max_budget: max, lifetime_spend: lifetime, sequence } = customer;
  return (
    <div class="standing card">
      <div class="standing-bar">
        <p class="standing-figure">
          <Money usd={spend} />
          <span class="muted">
            {max === null ? "spent, no limit" : `of ${formatMoney(max)}`}
            {max !== null && max > 0 && `, ${formatShare(spend / max)}`}
          </span>
        </p>
        <SpendBar spend={spend} held={held} max={max} large />
        <p class="muted small">
          {held === null
            ? "What calls in flight hold is not known at the moment"
            : `${formatMoney(held)} held by calls in flight`}
        </p>
      </div>
      <dl class="stats stats-plain">
        <Stat
          label="Budget"
          value={<BudgetName customer={customer} budgets={budgets} />}
          note={
            <>
              resets <Until at={customer.budget_reset_at} />
            </>
          }
        />
        <Forecast customer={customer} />
        <Stat
          label="Lifetime"
          value={<Money usd={lifetime} />}
          note={`${formatCount(sequence)} charged calls`}
        />
        <Stat
          label="Last call"
          value={<Ago at={customer.last_call_at} />}
          note={`since ${formatDate(customer.created_at)}`}
        />
      </dl>
    </div>
  );
}

function Forecast({ customer }: { customer: CustomerDetail }) {
  const { projected_spend: projected, projected_exceeded_at: at, max_budget: max, spend } = customer;
  if (max !== null && spend >= max) {
    return <Stat label="Forecast" value="Used up" tone="bad" note="nothing more is admitted" />;
  }
  if (projected === null) {
    return <Stat label="Forecast" value="–" note="too early, or never reset" />;
  }
  if (at === null) {
    return <Stat label="Forecast" value={formatMoney(projected)} note="by the end of the period" />;
  }
  return (
    <Stat
      label="Forecast"
      value={`Used up ${formatDate(at)}`}
      tone="warn"
      note={`${formatMoney(projected)} by the end of the period`}
    />
  );
}
