import { useMemo } from "preact/hooks";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import type { CustomerDetail } from "../api/schemas/customers.ts";
import { DAY_MS, dayOf } from "../format/dates.ts";
import { periodStart } from "../format/durations.ts";
import { SpendChart } from "../overview/spend-chart.tsx";
import { Card } from "../parts/card.tsx";
import { Show } from "../parts/state.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useNow } from "../parts/use-now.ts";
import { useServices } from "../services.ts";
import { activityDays } from "./burn-down.ts";
import { BurnDownChart } from "./burn-down-chart.tsx";

interface BurnDownCardProps {
  readonly customer: CustomerDetail;
  readonly budgets: readonly UsedBudget[];
}

/** When the period began: from the duration of the budget in force, which may be the default one. */
function startOf({ customer, budgets }: BurnDownCardProps): number | null {
  const { budget_reset_at: reset, litellm_budget_table: own, effective_budget_id: inForce } = customer;
  if (reset === null) return null;
  const budget = own ?? budgets.find(({ budget_id: id }) => id === inForce);
  const start = periodStart(budget?.budget_duration ?? null, Date.parse(reset));
  // A customer that came later has nothing to show before.
  return start === null ? null : Math.max(start, Date.parse(customer.created_at));
}

/** The budget's burn-down; where there is no maximum, or a period shorter than days, the spend per day. */
export function BurnDownCard(props: BurnDownCardProps) {
  const { customer } = props;
  const { api } = useServices();
  const now = useNow(60_000);
  const start = startOf(props);
  const range = activityDays(start, now);
  const { user_id: id, sequence, max_budget: max } = customer;
  const key = `${id} ${range.from} ${range.to} ${sequence}`;
  const activity = useLoad(key, (signal) => api.customers.activity(id, range, signal));
  const end = customer.budget_reset_at === null ? null : Date.parse(customer.budget_reset_at);
  const isShort = end !== null && start !== null && end - start < DAY_MS;
  const burns = max !== null && !isShort;
  return (
    <Card title={burns ? "Burn-down" : "Spend per day, by model"} aside={`since ${range.from}`}>
      <Show of={activity} lines={5}>
        {(days) =>
          burns ? (
            <Burning customer={customer} max={max} days={days} span={{ start, end }} />
          ) : (
            <SpendChart days={days} />
          )
        }
      </Show>
    </Card>
  );
}

interface BurningProps {
  readonly customer: CustomerDetail;
  readonly max: number;
  readonly days: Parameters<typeof SpendChart>[0]["days"];
  readonly span: { readonly start: number | null; readonly end: number | null };
}

function Burning({ customer, max, days, span }: BurningProps) {
  const { spend, projected_spend: projectedSpend, projected_exceeded_at: at } = customer;
  const { start, end } = span;
  const exceededAt = at === null ? null : Date.parse(at);
  const day = dayOf(useNow(60_000));
  const input = useMemo(
    () => ({ max, spend, start, end, days, projectedSpend, exceededAt, now: nowOn(day) }),
    [max, spend, start, end, days, projectedSpend, exceededAt, day],
  );
  return <BurnDownChart input={input} />;
}

/** Now, asked for once per day and change: a line need not creep every second. */
function nowOn(_day: string): number {
  return Date.now();
}
